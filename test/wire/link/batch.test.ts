import test from 'ava'
import { Batch } from '../../../src/wire/link/batch.ts'
import { FLAG, FRAME, MOST_PAYLOAD_BYTES } from '../../../src/wire/link/frames.ts'
import { Sender } from '../../../src/wire/link/sender.ts'
import { framesOf } from '../../support/link-frames.ts'
import { MemorySocket, settled } from '../../support/memory-socket.ts'

function batch() {
  const socket = new MemorySocket()
  const out = new Batch(socket)
  const put = (id: number, text: string) => out.data(id, Buffer.from(text), 0, text.length)
  const head = (id: number) => out.frame(FRAME.head, 0, id, Buffer.from('head'), 0, 4)
  const said = async () => {
    await settled()
    return framesOf(socket.sent).map(({ type, id, flags, payload }) =>
      `${type} ${id} ${flags} ${payload}`.trimEnd(),
    )
  }
  return { socket, out, put, head, said }
}

test('pieces of one body join, those of two do not', async (t) => {
  const { put, said } = batch()
  put(1, 'a')
  put(1, 'b')
  put(2, 'c')
  put(1, 'd')
  t.deepEqual(await said(), ['data 1 0 ab', 'data 2 0 c', 'data 1 0 d'])
})

test('END is in the last frame of its exchange, or in a frame of its own', async (t) => {
  const { out, put, head, said } = batch()
  head(1)
  out.end(1)
  head(2)
  put(3, 'c')
  out.end(2)
  put(3, 'd')
  out.end(3)
  out.frame(FRAME.head, FLAG.info, 4, Buffer.from('100'), 0, 3)
  out.end(4)
  t.deepEqual(await said(), [
    'head 1 1 head',
    'head 2 0 head',
    'data 3 0 c',
    'end 2 0',
    'data 3 1 d',
    'head 4 2 100',
    'end 4 0',
  ])
})

test('nothing joins what has left already', async (t) => {
  const { out, put, said } = batch()
  put(1, 'a')
  await settled()
  put(1, 'b')
  await settled()
  out.end(1)
  t.deepEqual(await said(), ['data 1 0 a', 'data 1 0 b', 'end 1 0'])
})

test('bytes of a single exchange leave at once, all others at the end of the turn', async (t) => {
  const { socket, out, put, head, said } = batch()
  head(1)
  put(1, 'a')
  out.flushAlone(1)
  t.is(framesOf(socket.sent).length, 2)
  await settled()
  put(2, 'b')
  put(3, 'c')
  for (const id of [1, 2, 3]) out.flushAlone(id)
  t.is(framesOf(socket.sent).length, 2)
  t.deepEqual(await said(), ['head 1 0 head', 'data 1 0 a', 'data 2 0 b', 'data 3 0 c'])
})

test('one write is under way at a time, and its bytes stay as they were', async (t) => {
  const { socket, put, said } = batch()
  socket.stalled = true
  put(1, 'first')
  await settled()
  for (let i = 0; i < 3; i++) {
    put(2 + i, 'x'.repeat(20))
    await settled()
  }
  t.is(socket.sent, '')
  await socket.letGo()
  t.deepEqual(
    (await said()).map((line) => line.slice(0, 12)),
    ['data 1 0 fir', 'data 2 0 xxx', 'data 3 0 xxx', 'data 4 0 xxx'],
  )
})

test('a joined frame is never longer than a frame may be', async (t) => {
  const { put, said } = batch()
  put(1, 'a'.repeat(MOST_PAYLOAD_BYTES - 1))
  put(1, 'b')
  put(1, 'c')
  const lengths = (await said()).map((line) => line.length - 'data 1 0 '.length)
  t.deepEqual(lengths, [MOST_PAYLOAD_BYTES, 1])
})

test('waiting exchanges send a frame each in turn, none more than its credit', async (t) => {
  const { socket, out } = batch()
  socket.stalled = true
  out.frame(FRAME.ping, 0, 0, Buffer.alloc(8), 0, 8)
  await settled()
  const senders = [1, 2, 3].map((id) => {
    const sender = new Sender({ drained() {}, sent() {} })
    sender.begin(null, id)
    sender.put(Buffer.alloc(70_000, id), 0, 70_000)
    sender.attach(out, id)
    return sender
  })
  await socket.letGo()
  await settled()
  const ids = framesOf(socket.sent).flatMap(({ type, id }) => (type === 'data' ? [id] : []))
  t.deepEqual(ids.slice(0, 9), [1, 2, 3, 1, 2, 3, 1, 2, 3])
  for (const id of [1, 2, 3]) {
    const own = framesOf(socket.sent).filter((frame) => frame.type === 'data' && frame.id === id)
    t.is(
      own.reduce((sum, { payload }) => sum + payload.length, 0),
      65_536,
    )
  }
  for (const sender of senders) t.is(sender.queuedBytes, 70_000 - 65_536)
})
