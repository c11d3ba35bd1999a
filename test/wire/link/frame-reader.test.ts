import test from 'ava'
import fc from 'fast-check'
import { FrameReader } from '../../../src/wire/link/frame-reader.ts'
import { FLAG, FRAME, isFrame, MOST_PAYLOAD_BYTES } from '../../../src/wire/link/frames.ts'
import * as frames from '../../support/link-frames.ts'

/** What the sink is told of these bytes, cut at `cuts`; parts of DATA are joined. */
function told(bytes: string, cuts: readonly number[] = []): string[] {
  const lines: string[] = []
  const reader = new FrameReader({
    dataBegins(id, length) {
      lines.push(`data ${id} of ${length}: `)
      return null
    },
    data(id, part, start, end) {
      lines[lines.length - 1] += part.toString('latin1', start, end)
      return id === 666 ? 'bad-credit' : null
    },
    dataEnds(id) {
      lines.push(`end of ${id}`)
      return null
    },
    frame({ type, flags, id, bytes: part, start, end }) {
      lines.push(`${type} ${flags} ${id}: ${part.toString('latin1', start, end)}`)
      return null
    },
  })
  const buffer = Buffer.from(bytes, 'latin1')
  let from = 0
  for (const cut of [...cuts, buffer.length]) {
    const ending = reader.read(buffer, from, cut)
    if (ending !== null) return [...lines, ending]
    from = cut
  }
  return reader.within ? [...lines, 'within'] : lines
}

const ALL = [
  frames.open(1, 'GET / HTTP/1.1\r\n\r\n', FLAG.end),
  frames.data(7, 'body'),
  frames.data(7, 'more', FLAG.end),
  frames.end(9),
  frames.credit(3, 32_768),
  frames.reset(5, 1),
  frames.ping(FLAG.ack),
  frames.goaway(),
].join('')

const SAID = [
  '1 1 1: GET / HTTP/1.1\r\n\r\n',
  'data 7 of 4: body',
  'data 7 of 4: more',
  'end of 7',
  '4 0 9: ',
  '5 0 3: \0\0\x80\0',
  '6 0 5: \x01',
  '7 4 0: pingpong',
  '8 0 0: ',
]

test('every frame is told, wherever the bytes are cut', (t) => {
  t.deepEqual(told(ALL), SAID)
  for (let cut = 1; cut < ALL.length; cut++) t.deepEqual(told(ALL, [cut]), SAID, `${cut}`)
  const everywhere = Array.from({ length: ALL.length - 1 }, (_, i) => i + 1)
  t.deepEqual(told(ALL, everywhere), SAID)
})

test('half a frame is waited for', (t) => {
  t.deepEqual(told(frames.ping().slice(0, 5)), ['within'])
  t.deepEqual(told(frames.ping().slice(0, -1)), ['within'])
  t.deepEqual(told(frames.data(1, 'abc').slice(0, -1)), ['data 1 of 3: ab', 'within'])
})

const BAD: readonly (readonly [string, string])[] = [
  ['type 0', frames.raw(0, 0, 1)],
  ['type 9', frames.raw(9, 0, 1)],
  ['type 255', frames.raw(255, 0, 1)],
  ['an unknown flag', frames.raw(FRAME.data, 16, 1, 'x')],
  ['a flag of another type', frames.raw(FRAME.data, FLAG.more, 1, 'x')],
  ['END with MORE', frames.raw(FRAME.open, FLAG.end | FLAG.more, 1, 'x')],
  ['END with INFO', frames.raw(FRAME.head, FLAG.end | FLAG.info, 1, 'x')],
  ['an empty OPEN', frames.raw(FRAME.open, 0, 1)],
  ['empty DATA', frames.raw(FRAME.data, 0, 1)],
  ['END with a payload', frames.raw(FRAME.end, 0, 1, 'x')],
  ['CREDIT of 3 bytes', frames.raw(FRAME.credit, 0, 1, 'xxx')],
  ['RESET of 2 bytes', frames.raw(FRAME.reset, 0, 1, 'xx')],
  ['PING of 7 bytes', frames.raw(FRAME.ping, 0, 0, 'xxxxxxx')],
  ['PING of an exchange', frames.raw(FRAME.ping, 0, 1, 'xxxxxxxx')],
  ['GOAWAY of an exchange', frames.raw(FRAME.goaway, 0, 1)],
  ['OPEN of the link itself', frames.raw(FRAME.open, 0, 0, 'x')],
  ['DATA of the link itself', frames.raw(FRAME.data, 0, 0, 'x')],
  ['an id with its highest bit', frames.raw(FRAME.open, 0, 0x8000_0000, 'x')],
  ['more than fits one record', frames.data(1, 'x'.repeat(MOST_PAYLOAD_BYTES + 1))],
]

for (const [what, bytes] of BAD) {
  test(`${what} is no frame`, (t) => {
    t.deepEqual(told(bytes), ['bad-frame'])
    t.deepEqual(told(frames.end(1) + bytes), ['4 0 1: ', 'bad-frame'])
    for (let cut = 1; cut < 8; cut++) t.deepEqual(told(bytes, [cut]), ['bad-frame'])
  })
}

test('the largest frame is one', (t) => {
  const most = 'x'.repeat(MOST_PAYLOAD_BYTES)
  t.deepEqual(told(frames.data(1, most)), [`data 1 of ${most.length}: ${most}`])
  t.deepEqual(told(frames.open(1, most), [100, 9000]), [`1 0 1: ${most}`])
})

test('nothing is read behind what the sink objects to', (t) => {
  t.deepEqual(told(frames.data(666, 'x', FLAG.end) + frames.goaway()), [
    'data 666 of 1: x',
    'bad-credit',
  ])
})

test('random bytes: cut or not, they are read alike', (t) => {
  const bytes = fc
    .array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 255 })))
    .map((codes) => String.fromCharCode(...codes))
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(50)), (text, cuts) => {
      const at = cuts.filter((cut) => cut < text.length).sort((a, b) => a - b)
      t.deepEqual(told(text, at), told(text))
    }),
  )
})

test('the rules are those of docs/link.md', (t) => {
  t.true(isFrame(FRAME.head, FLAG.info | FLAG.more, 100, 1))
  t.false(isFrame(FRAME.goaway, 0, 4, 0))
})
