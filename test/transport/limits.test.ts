import { once } from 'node:events'
import { connect as netConnect, type Socket } from 'node:net'
import { connect } from 'node:tls'
import test from 'ava'
import { CoarseClock } from '../../src/transport/clock.ts'
import { Authority, materialOf } from './authority.ts'
import { LIMITS, openTestListener, readAll, type TestListener } from './peers.ts'

const root = new Authority('root')
const users = materialOf(root.issue('mod-users-19.7.0'), [root])
const notes = root.issue('mod-notes-7.0.0')
const tags = root.issue('mod-tags-3.1.0')

async function isServed(ingress: TestListener, { key, cert } = notes): Promise<boolean> {
  const socket = connect({ port: ingress.port, key, cert, ca: root.cert })
  const [greeting] = await once(socket, 'data')
  socket.destroy()
  return String(greeting).startsWith('hello ')
}

/** Ends a peer, until the listener has seen it. Handshakes may finish in another order than they began. */
async function leave(ingress: TestListener, socket: Socket | undefined): Promise<void> {
  const port = socket?.localPort
  const theirs = ingress.peers.find((peer) => peer.socket.remotePort === port)
  const gone = once(theirs?.socket as Socket, 'close')
  socket?.destroy()
  await gone
}

// In its turn, and with time for the handshake of the others on a busy machine.
test.serial(
  'a peer that says nothing in its handshake is cut, and others are served',
  async (t) => {
    const ingress = await openTestListener({
      material: users,
      limits: { ...LIMITS, handshakeMs: 3000 },
    })
    const stallers = Array.from({ length: 20 }, () => netConnect(ingress.port, '127.0.0.1'))
    const ends = stallers.map((socket) => readAll(socket))
    t.true(await isServed(ingress))
    t.deepEqual(await Promise.all(ends), Array(20).fill(''))
    t.true(await isServed(ingress))
    await ingress.close()
    t.deepEqual(ingress.events, Array(20).fill('handshake ERR_TLS_HANDSHAKE_TIMEOUT'))
  },
)

test('a peer that drips its handshake is cut all the same', async (t) => {
  const ingress = await openTestListener({
    material: users,
    limits: { ...LIMITS, handshakeMs: 300 },
  })
  const socket = netConnect(ingress.port, '127.0.0.1')
  // The head of a record of 512 bytes, whose bytes then come one by one.
  socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
  const drip = setInterval(() => socket.write('\0'), 20)
  await readAll(socket)
  clearInterval(drip)
  await ingress.close()
  t.deepEqual(ingress.events, ['handshake ERR_TLS_HANDSHAKE_TIMEOUT'])
})

test('a peer that leaves in its handshake gives its place back at once', async (t) => {
  const ingress = await openTestListener({
    material: users,
    limits: { ...LIMITS, handshakeMs: 3_600_000 },
  })
  const socket = netConnect(ingress.port, '127.0.0.1')
  socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
  socket.end()
  await readAll(socket)
  await ingress.close()
  t.deepEqual(ingress.events, ['handshake ECONNRESET'])
})

test('connections above the limit are closed at once and counted; a place given back is used', async (t) => {
  const ingress = await openTestListener({ material: users, limits: { ...LIMITS, connections: 3 } })
  const { key, cert } = notes
  const options = { port: ingress.port, key, cert, ca: root.cert }
  const held = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const socket = connect(options)
      await once(socket, 'data')
      return socket
    }),
  )
  t.is(ingress.listener.open, 3)
  t.is(await readAll(connect(options)), '')
  t.deepEqual(ingress.events, ['dropped'])
  t.is(ingress.listener.open, 3)
  await leave(ingress, held[0])
  t.true(await isServed(ingress))
  for (const socket of held) socket.destroy()
  await ingress.close()
})

test('one peer may not open more than its share: the rest gets 429, other peers are served', async (t) => {
  const ingress = await openTestListener({
    material: users,
    limits: { ...LIMITS, connectionsPerPeer: 2 },
  })
  const { key, cert } = notes
  const options = { port: ingress.port, key, cert, ca: root.cert }
  const held = [connect(options), connect(options)]
  for (const socket of held) await once(socket, 'data')
  const third = connect(options)
  third.write('GET / HTTP/1.1\r\nHost: okapi\r\n\r\n')
  const answer = await readAll(third)
  t.regex(answer, /^HTTP\/1\.1 429 Too Many Requests\r\nX-Sidecar-Refused: too-many\r\n/)
  t.is(answer.split('HTTP/1.1').length, 2)
  t.deepEqual(ingress.events, ['refused too-many'])
  t.is(ingress.peers.length, 2)
  t.is(ingress.received.length, 0)
  t.true(await isServed(ingress, tags))

  await leave(ingress, held[0])
  t.true(await isServed(ingress))
  for (const socket of held) socket.destroy()
  await ingress.close()
})

test('a refused peer that sends on and on is cut after 64 KiB', async (t) => {
  // A clock that never ticks: it is the bytes that count.
  const clock = new CoarseClock(3_600_000)
  const ingress = await openTestListener({ material: users, clock })
  // It does not end its side when it is answered.
  const options = { port: ingress.port, rejectUnauthorized: false, allowHalfOpen: true }
  const socket = connect(options)
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const block = Buffer.alloc(16_384, 'GET / HTTP/1.1\r\n\r\n')
  const pump = () => {
    while (socket.writable && socket.write(block));
  }
  socket.on('drain', pump)
  pump()
  await readAll(socket)
  t.deepEqual(ingress.events, ['refused no-certificate'])
  t.is(ingress.received.length, 0)
  await ingress.close()
  t.is(ingress.listener.open, 0)
})

test('a refused peer that is silent gets the reason, and is cut', async (t) => {
  const ingress = await openTestListener({ material: users })
  const options = { port: ingress.port, rejectUnauthorized: false, allowHalfOpen: true }
  const socket = connect(options)
  // It is told at the end of our patience; it then ends its side, and no earlier.
  socket.on('end', () => socket.end())
  const answer = await readAll(socket)
  t.regex(answer, /^HTTP\/1\.1 403 Forbidden\r\nX-Sidecar-Refused: no-certificate\r\n/)
  await ingress.close()
  t.is(ingress.clock.size, 0)
})

test('a refused peer that only ends its side gets the reason', async (t) => {
  const ingress = await openTestListener({ material: users })
  const options = { port: ingress.port, rejectUnauthorized: false, allowHalfOpen: true }
  const socket = connect(options)
  await once(socket, 'secureConnect')
  socket.end()
  t.regex(await readAll(socket), /X-Sidecar-Refused: no-certificate\r\n/)
  await ingress.close()
})
