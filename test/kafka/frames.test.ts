import test from 'ava'
import { brokenFrame, FrameScanner, type FrameWanted } from '../../src/kafka/frames.ts'
import { HeldBytes, type HeldRoom } from '../../src/kafka/held-bytes.ts'
import { frame, int32 } from '../support/kafka-frames.ts'

interface Told {
  readonly whole: Buffer[]
  readonly streamed: Buffer[]
  rooms: (HeldRoom | undefined)[]
  noRoom: number
}

/** A scanner that holds frames whose fifth byte is even, and streams the others. */
function scannerOf({
  most = 1e9,
  longest = 1e6,
  longestHeld = 1e5,
  goesOn = (): boolean => true,
} = {}) {
  const told: Told = { whole: [], streamed: [], rooms: [], noRoom: 0 }
  const budget = new HeldBytes(most)
  const scanner = new FrameScanner(
    {
      begins: (size, head): FrameWanted => {
        if (head[4] === 0xee) return 'end'
        return head[4]! % 2 === 0 ? 'hold' : Math.min(size, 12)
      },
      whole: (bytes, room) => {
        told.whole.push(Buffer.from(bytes))
        told.rooms.push(room)
        return goesOn()
      },
      head: (bytes) => void told.streamed.push(Buffer.from(bytes)),
      rest: (bytes) => void told.streamed.push(Buffer.from(bytes)),
      noRoom: () => void told.noRoom++,
    },
    { longest, longestHeld, budget, clock: { now: 5 } },
  )
  return { scanner, told, budget }
}

const held = (size: number) => frame(Buffer.alloc(size, 2))
const streaming = (size: number) => frame(Buffer.alloc(size, 3))

test('frames are the same however the bytes come', (t) => {
  const all = [held(4), streaming(4), held(300), streaming(500), streaming(9), held(8)]
  const bytes = Buffer.concat(all)
  for (const size of [1, 2, 3, 5, 7, 11, 64, 1000]) {
    const { scanner, told, budget } = scannerOf()
    for (let at = 0; at < bytes.length; at += size) {
      t.is(scanner.scan(bytes.subarray(at, at + size)), 'on')
    }
    t.deepEqual(told.whole, [all[0], all[2], all[5]])
    t.deepEqual(Buffer.concat(told.streamed), Buffer.concat([all[1]!, all[3]!, all[4]!]))
    t.true(scanner.atBoundary)
    for (const room of told.rooms) room?.release()
    t.is(budget.held, 0)
  }
})

test('a frame within one chunk is no copy, one in pieces is copied once', (t) => {
  const views: Buffer[] = []
  const scanner = new FrameScanner(
    {
      begins: () => 'hold',
      whole: (bytes) => views.push(bytes) > 0,
      head: () => {},
      rest: () => {},
      noRoom: () => {},
    },
    { longest: 1e6, longestHeld: 1e6, budget: new HeldBytes(1e6), clock: { now: 0 } },
  )
  const bytes = held(100)
  scanner.scan(bytes)
  t.is(views[0]!.buffer, bytes.buffer)
  scanner.scan(bytes.subarray(0, 50))
  scanner.scan(bytes.subarray(50))
  t.deepEqual(views[1], bytes)
  t.not(views[1]!.buffer, bytes.buffer)
})

test('a large chunk is given back where all of it was copied, and never where a view was handed on', (t) => {
  const views: Buffer[] = []
  const scanner = new FrameScanner(
    {
      begins: (_, head) => (head[4] === 2 ? 'hold' : 12),
      whole: (bytes) => views.push(bytes) > 0,
      head: () => {},
      rest: (bytes) => void views.push(bytes),
      noRoom: () => {},
    },
    { longest: 1e6, longestHeld: 1e6, budget: new HeldBytes(1e6), clock: { now: 0 } },
  )
  /** A chunk as Node reads it: all of a buffer of its own. */
  const chunkOf = (...parts: Buffer[]) => Buffer.from(Uint8Array.from(Buffer.concat(parts)).buffer)
  const large = held(50_000)
  const chunks = [
    chunkOf(large.subarray(0, 20_000)),
    chunkOf(large.subarray(20_000), large.subarray(0, 10_000)),
    chunkOf(large.subarray(10_000), held(9000)),
    chunkOf(large),
    chunkOf(streaming(30_000)),
    chunkOf(large.subarray(0, 100)),
  ]
  const lengths = chunks.map(({ length }) => length)
  for (const chunk of chunks) t.is(scanner.scan(chunk), 'on')
  t.deepEqual(
    chunks.map(({ length }) => length),
    [0, 0, lengths[2], lengths[3], lengths[4], lengths[5]],
  )
  t.deepEqual(views.slice(0, 4), [large, large, held(9000), large])
  t.deepEqual(views[4], streaming(30_000).subarray(12))
})

for (const [name, bytes, limit] of [
  ['a negative length', int32(-1), undefined],
  ['the smallest length', int32(-(2 ** 31)), undefined],
  ['no length', int32(0), undefined],
  ['three bytes', int32(3), undefined],
  ['2 GB', int32(2 ** 31 - 1), 'kafka.frameBytes'],
  ['one byte too many', int32(1_000_001), 'kafka.frameBytes'],
] as const) {
  test(`no frame, and not waited for: ${name}`, (t) => {
    const { scanner, told } = scannerOf()
    t.is(scanner.scan(bytes), 'broken')
    t.is(scanner.tooLong, limit)
    t.is(told.whole.length + told.streamed.length, 0)
    const refusal = brokenFrame(scanner, true)
    t.is(refusal.reason, limit === undefined ? 'malformed-request' : 'too-large')
    t.is(refusal.limit, limit)
    t.is(scannerOf().scanner.scan(Buffer.concat([bytes, Buffer.alloc(20)])), 'broken')
  })
}

test('the longest frame passes; of one that is held the limit is another', (t) => {
  const { scanner, told } = scannerOf()
  t.is(scanner.scan(streaming(1_000_000)), 'on')
  t.is(Buffer.concat(told.streamed).length, 1_000_004)
  t.is(scanner.scan(held(100_000)), 'on')
  t.is(scanner.scan(held(100_001)), 'broken')
  t.is(scanner.tooLong, 'kafka.heldBytes')
})

test('the watcher ends it before a frame is held', (t) => {
  const { scanner, told, budget } = scannerOf()
  t.is(scanner.scan(Buffer.concat([int32(90_000), Buffer.alloc(4, 0xee)])), 'end')
  t.is(budget.held, 0)
  t.is(told.whole.length, 0)
})

test('nothing is read behind a frame until it goes on', (t) => {
  let goesOn = false
  const { scanner, told } = scannerOf({ goesOn: () => goesOn })
  t.is(scanner.scan(Buffer.concat([held(4), held(5), held(6)])), 'waiting')
  t.is(told.whole.length, 1)
  t.true(scanner.isWaiting)
  t.is(scanner.resume(), 'waiting')
  t.is(told.whole.length, 2)
  goesOn = true
  t.is(scanner.resume(), 'on')
  t.is(told.whole.length, 3)
})

test('a frame for which there is no room waits, without a byte of it being kept beside', async (t) => {
  const { scanner, told, budget } = scannerOf({ most: 1000 })
  const room = budget.take(900)!
  const roomCame = new Promise<void>((resolve) => {
    scanner.onRoom = resolve
  })
  const bytes = held(200)
  t.is(scanner.scan(bytes.subarray(0, 100)), 'waiting')
  t.is(told.noRoom, 1)
  t.is(scanner.gatheredSince, Number.POSITIVE_INFINITY)
  room.release()
  await roomCame
  t.is(budget.held, 204)
  t.is(scanner.gatheredSince, 5)
  t.is(scanner.resume(), 'on')
  t.is(scanner.scan(bytes.subarray(100)), 'on')
  t.deepEqual(told.whole, [bytes])
  told.rooms[0]?.release()
  t.is(budget.held, 0)
})

test('room that was waited for is given back when the connection is gone', async (t) => {
  const { scanner, budget } = scannerOf({ most: 1000 })
  const room = budget.take(900)!
  scanner.scan(held(200).subarray(0, 100))
  scanner.destroy()
  room.release()
  await new Promise(setImmediate)
  t.is(budget.held, 0)
  const other = scannerOf({ most: 1000 })
  other.scanner.scan(held(200).subarray(0, 100))
  t.is(other.budget.held, 204)
  other.scanner.destroy()
  t.is(other.budget.held, 0)
})

test('who waits for much room is not overtaken, and gets it when nothing else is held', async (t) => {
  const budget = new HeldBytes(100)
  const first = budget.take(60)!
  const order: string[] = []
  budget.wait(90, () => order.push('large'))
  budget.wait(10, () => order.push('small'))
  t.is(budget.take(10), undefined)
  first.release()
  first.release()
  await new Promise(setImmediate)
  t.deepEqual(order, ['large', 'small'])
  t.is(budget.held, 100)
  t.truthy(new HeldBytes(100).take(1000), 'more than all, alone')
})
