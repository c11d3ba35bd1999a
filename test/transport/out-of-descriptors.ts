import { CoarseClock } from '../../src/transport/clock.ts'
import { listenPlain } from '../../src/transport/listen.ts'

// Run with few descriptors by listening.test.ts: answers those that ask, holds the others.
const listener = await listenPlain(
  {
    address: { host: '127.0.0.1', port: 0 },
    limits: { connections: 4096, pendingConnections: 512 },
    clock: new CoarseClock(),
  },
  (socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end('hello'))
    socket.on('end', () => socket.end())
  },
)
process.stdout.write(`${listener.address}\n`)
