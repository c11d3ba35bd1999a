import test from 'ava'
import { RESPONSE_NAMES } from '../../../src/proxy/names.ts'
import { Body, type Carry } from '../../../src/wire/h1/body.ts'
import { FRAMING, Head } from '../../../src/wire/head.ts'

interface Read {
  readonly out: string
  readonly used: number
  readonly done: boolean
}

type Framing = { framing: number; length?: number }

function read(
  { framing, length = 0 }: Framing,
  carry: Carry,
  parts: readonly string[],
  { ends = false, trailers = true } = {},
): Read {
  const head = new Head()
  head.framing = framing
  head.contentLength = length
  const body = new Body(RESPONSE_NAMES, trailers ? (id) => id === 0 : null)
  body.begin(head, carry)
  let out = ''
  let used = 0
  const sink = {
    span: (bytes: Buffer, start: number, end: number) => {
      out += bytes.toString('latin1', start, end)
    },
  }
  for (const part of parts) {
    if (body.done) break
    const stop = body.take(Buffer.from(part, 'latin1'), 0, part.length, sink)
    if (stop === -1) return { out, used: -1, done: body.done }
    used += stop
  }
  if (ends) body.connectionEnded(sink)
  return { out, used, done: body.done }
}

const CHUNKED = { framing: FRAMING.chunked }
const CLOSE = { framing: FRAMING.untilClose }
const of = (length: number) => ({ framing: FRAMING.length, length })

test('none: it is over before it began', (t) => {
  t.deepEqual(read({ framing: FRAMING.none }, 'asItStands', ['abc']), {
    out: '',
    used: 0,
    done: true,
  })
  t.deepEqual(read(of(0), 'asItStands', ['abc']), { out: '', used: 0, done: true })
})

test('a length: exactly so many bytes, whatever comes behind', (t) => {
  t.deepEqual(read(of(3), 'asItStands', ['abcdef']), { out: 'abc', used: 3, done: true })
  t.deepEqual(read(of(3), 'asItStands', ['a', 'b', 'c', 'd']), { out: 'abc', used: 3, done: true })
  t.deepEqual(read(of(3), 'asItStands', ['ab']), { out: 'ab', used: 2, done: false })
  t.false(read(of(3), 'asItStands', ['ab'], { ends: true }).done, 'the end is no excuse')
})

test('a body until the connection ends: passed as it is, or in chunks so that a cut shows', (t) => {
  t.deepEqual(read(CLOSE, 'asItStands', ['abc', 'de']), { out: 'abcde', used: 5, done: false })
  t.deepEqual(read(CLOSE, 'asItStands', ['abc'], { ends: true }), {
    out: 'abc',
    used: 3,
    done: true,
  })
  const long = 'x'.repeat(17)
  t.is(read(CLOSE, 'chunked', ['abc', long]).out, `3\r\nabc\r\n11\r\n${long}\r\n`)
  t.is(read(CLOSE, 'chunked', ['abc'], { ends: true }).out, '3\r\nabc\r\n0\r\n\r\n')
  t.is(read(CLOSE, 'chunked', [], { ends: true }).out, '0\r\n\r\n')
})

test('chunks end with their last chunk; the end of the connection before it is an error', (t) => {
  const text = '3;a\r\nabc\r\n0\r\n\r\n'
  t.deepEqual(read(CHUNKED, 'asItStands', [`${text}X`]), {
    out: '3\r\nabc\r\n0\r\n\r\n',
    used: text.length,
    done: true,
  })
  t.deepEqual(read(CHUNKED, 'bare', [text]), { out: 'abc', used: text.length, done: true })
  t.false(read(CHUNKED, 'asItStands', [text.slice(0, -1)], { ends: true }).done)
})

const LAST = '0\r\n'
for (const [what, section, kept] of [
  ['plain ones go on', 'A: b\r\nC:  d \r\n', 'A: b\r\nC:  d \r\n'],
  [
    'what is guarded does not',
    'A: b\r\nX-Okapi-Token: t\r\nSet-Cookie: a\r\nC: d\r\n',
    'A: b\r\nC: d\r\n',
  ],
  ['what ends at a hop does not', 'Connection: a\r\nA: b\r\nTE: c\r\nD: e\r\n', 'D: e\r\n'],
  ['what frames and routes does not', 'Host: a\r\nTrailer: b\r\nExpect: c\r\nA: d\r\n', 'A: d\r\n'],
  ['a sidecar’s own do not', 'X-Sidecar-Refused: a\r\n', ''],
] as const) {
  test(`trailers of answers: ${what}`, (t) => {
    const text = `${LAST}${section}\r\n`
    t.is(read(CHUNKED, 'asItStands', [text]).out, `${LAST}${kept}\r\n`)
    for (let cut = 1; cut < text.length; cut++) {
      const parts = [text.slice(0, cut), text.slice(cut)]
      t.is(read(CHUNKED, 'asItStands', parts).out, `${LAST}${kept}\r\n`, `cut at ${cut}`)
    }
    t.is(read(CHUNKED, 'bare', [text]).out, '')
    t.is(read(CHUNKED, 'asItStands', [text], { trailers: false }).out, `${LAST}\r\n`)
  })
}

for (const section of [
  'A : b\r\n',
  ' A: b\r\n',
  ': b\r\n',
  'A\r\n',
  'A: b\n',
  'A: b\rC: d\r\n',
  'A: \0\r\n',
  'Content-Length: 5\r\n',
  'content_length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: a\r\nHost: b\r\n',
  'Connection: content-length\r\n',
  'A: b\r\n'.repeat(65),
  'A: b\r\n'.repeat(2000),
]) {
  test(`trailers that break the body: ${JSON.stringify(section.slice(0, 40))} (${section.length})`, (t) => {
    for (const trailers of [true, false]) {
      const { used, done } = read(CHUNKED, 'asItStands', [`${LAST}${section}\r\n`], { trailers })
      t.is(used, -1)
      t.false(done)
    }
  })
}
