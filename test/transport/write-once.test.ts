import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { buffer } from 'node:stream/consumers'
import test from 'ava'
import { writeOnce } from '../../src/transport/write-once.ts'

test('every byte arrives, and large buffers are given back once they were written', async (t) => {
  const got = Promise.withResolvers<Buffer>()
  const server = createServer((socket) => got.resolve(buffer(socket))).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const socket = connect(port, '127.0.0.1')
  const whole = [1, 2, 3, 4].map((byte) => Buffer.from(new Uint8Array(1 << 20).fill(byte).buffer))
  const part = Buffer.alloc(1 << 20, 5)
  const slice = part.subarray(1)
  const small = Buffer.from(new Uint8Array(100).fill(6).buffer)
  const all = Buffer.concat([...whole, slice, small])
  // Written before it is connected: they stay until then.
  for (const bytes of [...whole, slice, small]) writeOnce(socket, bytes)
  t.true(whole.every(({ length }) => length === 1 << 20))
  socket.end()
  t.true((await got.promise).equals(all))
  t.true(whole.every(({ length }) => length === 0))
  // The rest of that buffer may be someone else's.
  t.is(slice.length, (1 << 20) - 1)
  t.is(small.length, 100)
})

test('a socket that fails gives them back too, and throws nothing', async (t) => {
  const socket = connect({ port: 1, host: '127.0.0.1' })
  socket.on('error', () => socket.destroy())
  const bytes = Buffer.from(new Uint8Array(1 << 20).buffer)
  writeOnce(socket, bytes)
  await new Promise((resolve) => socket.on('close', resolve))
  await new Promise(setImmediate)
  t.is(bytes.length, 0)
})
