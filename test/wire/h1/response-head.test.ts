import test from 'ava'
import { RESPONSE_NAMES } from '../../../src/proxy/names.ts'
import { FLAW, type WireFlaw } from '../../../src/wire/flaws.ts'
import { parseResponseHead } from '../../../src/wire/h1/response-head.ts'
import { FRAMING, Head, type HeadLimits } from '../../../src/wire/head.ts'
import { LIMITS } from '../../support/relay.ts'

function parse(text: string, toHead = false, limits: Partial<HeadLimits> = {}) {
  const head = new Head()
  // As in the shared read buffer: behind the end stands something else.
  const bytes = Buffer.from(`?${text}\r\n\r\n`, 'latin1')
  const all = { ...LIMITS, ...limits }
  const end = parseResponseHead(head, bytes, 1, bytes.length - 4, RESPONSE_NAMES, all, toHead)
  return { head, end: end > 0 ? end - 1 : end }
}

const OK = 'HTTP/1.1 200 OK\r\n'

for (const [what, text, status] of [
  ['a reason', `${OK}\r\n`, 200],
  ['no reason', 'HTTP/1.1 204 \r\n\r\n', 204],
  ['no reason and no blank', 'HTTP/1.1 204\r\n\r\n', 204],
  ['a reason of obs-text and tabs', 'HTTP/1.1 599 a\t\xe4 b\r\n\r\n', 599],
  ['HTTP/1.0', 'HTTP/1.0 404 Not Found\r\nA:b\r\n\r\n', 404],
  ['1xx', 'HTTP/1.1 100 Continue\r\n\r\n', 100],
  [
    'lines that may repeat',
    `${OK}X-Okapi-Trace: a\r\nX-Okapi-Trace: b\r\nSet-Cookie: c\r\nSet-Cookie: c\r\n\r\n`,
    200,
  ],
] as const) {
  test(`a good answer: ${what}`, (t) => {
    const { head, end } = parse(text)
    t.is(end, text.length)
    t.is(head.status, status)
    for (let cut = 0; cut < text.length; cut++) {
      t.is(parse(text.slice(0, cut)).end, 0, `cut at ${cut}`)
    }
  })
}

for (const [what, text, flaw] of [
  ['another protocol', 'ICY 200 OK\r\n\r\n', 'status'],
  ['small letters', 'http/1.1 200 OK\r\n\r\n', 'status'],
  ['a line end first', '\r\nHTTP/1.1 200 OK\r\n\r\n', 'status'],
  ['version 1.2', 'HTTP/1.2 200 OK\r\n\r\n', 'status'],
  ['version 2.0', 'HTTP/2.0 200 OK\r\n\r\n', 'status'],
  ['two blanks', 'HTTP/1.1  200 OK\r\n\r\n', 'status'],
  ['two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'status'],
  ['four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'status'],
  ['a sign', 'HTTP/1.1 +20 OK\r\n\r\n', 'status'],
  ['status 099', 'HTTP/1.1 099 OK\r\n\r\n', 'status'],
  ['status 600', 'HTTP/1.1 600 OK\r\n\r\n', 'status'],
  ['status 000', 'HTTP/1.1 000 OK\r\n\r\n', 'status'],
  ['no blank before the reason', 'HTTP/1.1 200OK\r\n\r\n', 'status'],
  ['a tab before the reason', 'HTTP/1.1 200\tOK\r\n\r\n', 'status'],
  ['NUL in the reason', 'HTTP/1.1 200 a\0b\r\n\r\n', 'status'],
  ['a line feed alone', 'HTTP/1.1 200 OK\n\r\n\r\n', 'status'],
  ['a carriage return alone', 'HTTP/1.1 200 OK\rA: b\r\n\r\n', 'status'],
  ['a line feed alone behind a line', `${OK}A: b\n\r\n\r\n`, 'lineEnd'],
  ['obs-fold', `${OK}A: b\r\n c\r\n\r\n`, 'name'],
  ['a blank before the colon', `${OK}A : b\r\n\r\n`, 'name'],
  ['a control character', `${OK}A: \x01\r\n\r\n`, 'value'],
  ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`, 'twice'],
  ['a length with _', `${OK}Content_Length: 1\r\n\r\n`, 'alias'],
  ['no number', `${OK}Content-Length: a\r\n\r\n`, 'length'],
  ['gzip', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'coding'],
  [
    'length and coding',
    `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'lengthAndCoding',
  ],
  [
    'length and coding in a 304',
    'HTTP/1.1 304 Not\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'lengthAndCoding',
  ],
  ['coding in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'codingIn10'],
  ['Connection that names a length', `${OK}Connection: content-length\r\n\r\n`, 'connection'],
] as const satisfies readonly (readonly [string, string, WireFlaw])[]) {
  test(`a bad answer: ${what}`, (t) => {
    t.is(parse(text).end, FLAW[flaw])
    for (let cut = 0; cut < text.length; cut++) t.true(parse(text.slice(0, cut)).end <= 0)
  })
}

test('how the body ends (RFC 9112 section 6.3)', (t) => {
  const framing = (status: number, lines: string, toHead = false) =>
    parse(`HTTP/1.1 ${status} A\r\n${lines}\r\n`, toHead).head.framing
  const length = 'Content-Length: 5\r\n'
  const chunked = 'Transfer-Encoding: chunked\r\n'
  t.is(framing(200, length), FRAMING.length)
  t.is(framing(200, chunked), FRAMING.chunked)
  t.is(framing(200, ''), FRAMING.untilClose)
  for (const lines of [length, chunked, '']) {
    t.is(framing(200, lines, true), FRAMING.none)
    for (const status of [100, 103, 199, 204, 304]) t.is(framing(status, lines), FRAMING.none)
  }
})

test('what the upstream promises of its connection', (t) => {
  const of = (version: string, lines: string) => {
    const { head } = parse(`HTTP/${version} 200 OK\r\n${lines}\r\n`)
    return [head.keepAlive, head.keepAliveSeconds]
  }
  t.deepEqual(of('1.1', ''), [true, -1])
  t.deepEqual(of('1.1', 'Connection: close\r\nKeep-Alive: timeout=5\r\n'), [false, 5])
  t.deepEqual(of('1.0', ''), [false, -1])
  t.deepEqual(of('1.0', 'Connection: keep-alive\r\nKeep-Alive: max=5, timeout=7\r\n'), [true, 7])
  t.deepEqual(of('1.1', 'Keep-Alive: timeout=a\r\n'), [true, -1])
  t.deepEqual(of('1.1', 'Keep-Alive: xtimeout=5\r\n'), [true, -1])
  t.deepEqual(of('1.1', 'Keep-Alive: timeout=-5\r\n'), [true, -1])
})

test('limits, whole or not', (t) => {
  const limits = { requestLineBytes: 50, headerBytes: 100, headerCount: 2 }
  const flaw = (text: string) => parse(text, false, limits).end
  t.is(flaw(`HTTP/1.1 200 ${'a'.repeat(50)}`), FLAW.headTooLong)
  const fill = (length: number) => `${OK}A: ${'b'.repeat(length - OK.length - 7)}\r\n\r\n`
  t.true(flaw(fill(100)) > 0)
  t.is(flaw(fill(101)), FLAW.headTooLong)
  t.is(flaw(fill(120).slice(0, 101)), FLAW.headTooLong)
  t.is(flaw(`${OK}a:b\r\na:b\r\na:b\r\n`), FLAW.tooManyLines)
})
