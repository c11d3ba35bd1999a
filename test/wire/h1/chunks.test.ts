import test from 'ava'
import fc from 'fast-check'
import { ChunkScanner } from '../../../src/wire/h1/chunks.ts'

interface Scanned {
  readonly out: string
  readonly trailers: string
  /** Bytes that belonged to the body, -1 where it is broken. */
  readonly used: number
  readonly done: boolean
}

/** Scans parts one after the other; each stands in the middle of other bytes, as in a read buffer. */
function scan(parts: readonly string[], bare = false, mostTrailerBytes = 100): Scanned {
  const scanner = new ChunkScanner()
  scanner.begin(bare, mostTrailerBytes)
  let out = ''
  let used = 0
  for (const part of parts) {
    if (scanner.done) break
    const bytes = Buffer.from(`5\r\n${part}\r\n0\r\n\r\n`, 'latin1')
    const stop = scanner.take(bytes, 3, 3 + part.length, {
      span: (from, start, end) => {
        out += from.toString('latin1', start, end)
      },
    })
    bytes.fill('#')
    if (stop === -1) return { out, trailers: '', used: -1, done: false }
    used += stop - 3
  }
  const { done } = scanner
  return { out, trailers: scanner.trailers.toString('latin1'), used, done }
}

const GOOD: readonly (readonly [text: string, out: string, data: string, trailers: string])[] = [
  ['0\r\n\r\n', '0\r\n', '', ''],
  ['000\r\n\r\n', '000\r\n', '', ''],
  ['3\r\nabc\r\n0\r\n\r\n', '3\r\nabc\r\n0\r\n', 'abc', ''],
  ['a\r\n0123456789\r\n0\r\n\r\n', 'a\r\n0123456789\r\n0\r\n', '0123456789', ''],
  ['00000001\r\nx\r\n0\r\n\r\n', '00000001\r\nx\r\n0\r\n', 'x', ''],
  ['2\r\n\r\n\r\n0\r\n\r\n', '2\r\n\r\n\r\n0\r\n', '\r\n', ''],
  ['5\r\n0\r\n\r\n\r\n1\r\nA\r\n0\r\n\r\n', '5\r\n0\r\n\r\n\r\n1\r\nA\r\n0\r\n', '0\r\n\r\nA', ''],
  ['1;a\r\nx\r\n0;b=c\r\n\r\n', '1\r\nx\r\n0\r\n', 'x', ''],
  ['1;a;b=c;d="e\\"\\\\;\xe4\t"\r\nx\r\n0\r\n\r\n', '1\r\nx\r\n0\r\n', 'x', ''],
  ['1;a=""\r\nx\r\n0\r\n\r\n', '1\r\nx\r\n0\r\n', 'x', ''],
  ['0\r\nA: b\r\nC:\r\n\r\n', '0\r\n', '', 'A: b\r\nC:\r\n'],
  ['1;a=b\r\nx\r\n0;c\r\nA: b\r\n\r\n', '1\r\nx\r\n0\r\n', 'x', 'A: b\r\n'],
]

for (const [text, out, data, trailers] of GOOD) {
  test(`good chunks: ${JSON.stringify(text)}`, (t) => {
    const whole = { trailers, used: text.length, done: true }
    t.deepEqual(scan([`${text}GET /`]), { out, ...whole })
    t.deepEqual(scan([text], true), { out: data, ...whole })
    t.deepEqual(scan([...text]), { out, ...whole })
    t.deepEqual(scan([...text], true), { out: data, ...whole })
    for (let cut = 0; cut < text.length; cut++) {
      const parts = [text.slice(0, cut), text.slice(cut)]
      t.deepEqual(scan(parts), { out, ...whole }, `cut at ${cut}`)
      t.deepEqual(scan(parts, true), { out: data, ...whole }, `bare, cut at ${cut}`)
      t.false(scan([text.slice(0, cut)]).done)
    }
  })
}

const BAD: readonly string[] = [
  '\r\n',
  '\n',
  ' 1\r\n',
  '1 \r\n',
  '1\t\r\n',
  '+1\r\n',
  '-1\r\n',
  '0x1\r\n',
  'g\r\n',
  ';a\r\n',
  '1\n',
  '1\r\r',
  '1\rx',
  '1;\r\n',
  '1;;a\r\n',
  '1; a\r\n',
  '1;a =b\r\n',
  '1;a= b\r\n',
  '1;a=\r\n',
  '1;a\n',
  '1;a=b\n',
  '1;a="\n',
  '1;a="\r\n',
  '1;a="\0"\r\n',
  '1;a="\\\n"\r\n',
  '1;a="b"c\r\n',
  '1;a="b"\n',
  '1;a\rx',
  '1,a\r\n',
  '1\r\nxy',
  '1\r\nx\n',
  '1\r\nx\rx',
  '1\r\nx1\r\n',
  '80000000\r\n',
  '100000002\r\n',
  '000000001\r\n',
  'ffffffffffffffff\r\n',
  '0\r\n\rx',
  `1;${'a'.repeat(4096)}\r\nx\r\n`,
  '1;a=b\r\nx\r\n'.repeat(2000),
  `0\r\n${'A: b\r\n'.repeat(17)}`,
  `0\r\n${'A'.repeat(101)}`,
]

for (const text of BAD) {
  test(`broken chunks: ${JSON.stringify(text.slice(0, 40))} (${text.length})`, (t) => {
    t.is(scan([text]).used, -1)
    t.is(scan([...text]).used, -1)
    // Up to its last byte nothing can be said yet, or it is broken; it is never whole.
    t.false(scan([text.slice(0, -1)]).done)
  })
}

test('whatever the cuts: the same bytes, the same end', (t) => {
  const byte = fc.constantFrom(
    '0',
    '1',
    'a',
    '\r',
    '\n',
    '\r\n',
    ';',
    '=',
    '"',
    '\\',
    'x',
    ' ',
    ':',
  )
  const text = fc.oneof(
    fc.array(byte, { maxLength: 25 }).map((bytes) => bytes.join('')),
    fc
      .array(
        fc.constantFrom('1\r\nx\r\n', '2;a="\\""\r\n\r\n\r\n', '0\r\n', 'A: b\r\n', '\r\n', '\n'),
        { maxLength: 6 },
      )
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, fc.array(fc.nat(30), { maxLength: 4 }), fc.boolean(), (all, cuts, bare) => {
      const places = [
        0,
        ...cuts.filter((cut) => cut < all.length).sort((a, b) => a - b),
        all.length,
      ]
      const parts = places.slice(1).map((place, i) => all.slice(places[i], place))
      const one = scan([all], bare)
      const many = scan(parts, bare)
      // A broken body is broken however it is cut; how much of it went before may differ.
      if (one.used === -1 ? many.used !== -1 : JSON.stringify(one) !== JSON.stringify(many)) {
        throw new Error(JSON.stringify([one, many]))
      }
    }),
    { numRuns: 5000 },
  )
  t.pass()
})
