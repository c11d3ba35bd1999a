import test from 'ava'
import { NAME, REQUEST_NAMES } from '../../src/proxy/names.ts'
import { FLAW } from '../../src/wire/flaws.ts'
import { parseRequestHead } from '../../src/wire/h1/request-head.ts'
import { Head, MOST_LINES } from '../../src/wire/head.ts'
import { ID } from '../../src/wire/names.ts'
import { LIMITS } from '../support/relay.ts'

const parse = (head: Head, text: string, headerCount = 200) => {
  const bytes = Buffer.from(text, 'latin1')
  const limits = { ...LIMITS, headerCount }
  return parseRequestHead(head, bytes, 0, bytes.length, REQUEST_NAMES, limits)
}

test('a head keeps nothing of the heads before it', (t) => {
  const head = new Head()
  const full = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Okapi-Tenant: a\r\n\r\n'
  const bare = 'GET / HTTP/1.0\r\n\r\n'
  // More than any counter of 16 bits holds.
  for (let i = 0; i < 66_000; i++) {
    parse(head, full)
    parse(head, bare)
    const left = [ID.host, ID.contentLength, 32].filter(
      (id) => head.has(id) || head.find(id) !== -1,
    )
    if (left.length > 0 || head.hasBody) t.fail(`head ${i}: ${left}`)
  }
  t.is(parse(head, full), full.length)
  t.is(head.valueOf(ID.contentLength), '5')
})

test('more lines than a head has room for are refused, whatever the limit says', (t) => {
  const head = new Head()
  const lines = (count: number) => `GET / HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(count - 1)}\r\n`
  t.true(parse(head, lines(MOST_LINES), 5000) > 0)
  t.is(head.count, MOST_LINES)
  t.is(parse(head, lines(MOST_LINES + 1), 5000), FLAW.tooManyLines!)
  t.is(parse(head, lines(201)), FLAW.tooManyLines!)
  t.true(parse(head, lines(200)) > 0)
})

test('where a line ends, what it holds, and what frames the body', (t) => {
  const head = new Head()
  const text = 'POST / HTTP/1.1\r\nHost:  x \r\nEmpty:\r\nContent-Length: 5\r\n\r\nabcde'
  t.is(parse(head, text), text.length - 5)
  const lines = [0, 1, 2].map((line) => text.slice(head.nameStart[line], head.lineEnd(line)))
  t.deepEqual(lines, ['Host:  x \r\n', 'Empty:\r\n', 'Content-Length: 5\r\n'])
  t.deepEqual(
    [0, 1, 2].map((line) => head.value(line)),
    ['x', '', '5'],
  )
  t.deepEqual(
    [0, 1, 2].map((line) => head.isFraming(line)),
    [false, false, true],
  )
  t.true(head.hasBody)
  t.is(head.valueOf(ID.transferEncoding), undefined)
})

test('a field that Connection names is not found any more; another line of its id is', (t) => {
  const head = new Head()
  const lines = ['traceparent: a', 'Forwarded: b', 'X-Real-IP: c', 'Origin: d']
  const text = (connection: string) =>
    ['POST / HTTP/1.1', 'Host: x', ...lines, `Connection: ${connection}`, '', ''].join('\r\n')
  const found = (connection: string) => {
    t.true(parse(head, text(connection)) > 0)
    const { traceparent, detour, origin } = NAME
    const values = [traceparent, detour, origin].map((id) => head.valueOf(id) ?? null)
    return values
  }
  t.deepEqual(found('close'), ['a', 'b', 'd'])
  t.deepEqual(found('Traceparent'), [null, 'b', 'd'])
  t.deepEqual(found('forwarded, origin'), ['a', 'c', null])
  t.deepEqual(found('x-real-ip, FORWARDED'), ['a', null, 'd'])
  t.deepEqual(found('origin, traceparent'), [null, 'b', null])
})
