import { once } from 'node:events'
import { connect as netConnect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import test from 'ava'
import { CoarseClock } from '../../src/transport/clock.ts'
import { ConnectionSlots } from '../../src/transport/connection-slots.ts'
import { Budgets, HandshakePace } from '../../src/transport/handshake-pace.ts'
import { until } from '../support/patience.ts'
import { Authority, type Issued, materialOf } from './authority.ts'
import { LIMITS, openTestListener, readAll, type TestListener } from './peers.ts'

const root = new Authority('root')
const users = materialOf(root.issue('mod-users-19.7.0'), [root])
const tags = root.issue('mod-tags-3.1.0')
const notes = root.issue('mod-notes-7.0.0')

/** One per second, and so eight at once. */
const limits = { ...LIMITS, connections: 512, connectionsPerPeer: 512, handshakesPerSecond: 1 }
const FLOOD = 64

function call({ port }: TestListener, peer: Issued | null): TLSSocket {
  const shown = peer === null ? {} : { key: peer.key, cert: peer.cert }
  return connect({ port, ...shown, ca: root.cert, rejectUnauthorized: false })
}

async function isServed(ingress: TestListener, peer: Issued): Promise<boolean> {
  const socket = call(ingress, peer)
  const [greeting] = await once(socket, 'data')
  socket.destroy()
  return String(greeting).startsWith('hello ')
}

const count = ({ events }: TestListener, event: string) =>
  events.filter((each) => each === event).length

test('a peer that connects again and again gets too-many; another one is served meanwhile', async (t) => {
  const ingress = await openTestListener({ material: users, limits })
  const loop = Array.from({ length: FLOOD }, () => {
    const socket = call(ingress, tags)
    socket.on('secureConnect', () => socket.end())
    return readAll(socket)
  })
  await until(() => count(ingress, 'refused too-many') > 0)
  t.true(await isServed(ingress, notes))
  const said = await Promise.all(loop)
  t.true(said.some((text) => text.startsWith('HTTP/1.1 429 ')))
  t.true(said.some((text) => text.startsWith('hello ')))
  await ingress.close()
})

test('an address whose handshakes come to nothing waits; an honest peer there is served all the same', async (t) => {
  const ingress = await openTestListener({ material: users, limits })
  const strangers = Array.from({ length: FLOOD }, () => {
    const socket = call(ingress, null)
    return { socket, end: readAll(socket) }
  })
  await until(() => count(ingress, 'paced') > 0)
  t.true(await isServed(ingress, notes))
  const begun = count(ingress, 'refused no-certificate')
  t.true(begun < FLOOD, `${begun}`)
  for (const { socket } of strangers) socket.destroy()
  await Promise.all(strangers.map(({ end }) => end))
  await until(() => ingress.listener.open === 0)
  await ingress.close()
})

test('a stranger with a certificate of 60 kB pays for its size', async (t) => {
  const long = Array.from(
    { length: 60 },
    (_, i) => `1.2.3.${i}=ASN1:UTF8String:${'x'.repeat(1000)}`,
  )
  const stranger = new Authority('stranger')
  const heavy = stranger.issue('heavy', { extensions: long })
  const light = stranger.issue('light')
  const ingress = await openTestListener({ material: users, limits })
  for (let i = 0; i < 4; i++) await readAll(call(ingress, light))
  t.is(count(ingress, 'refused untrusted-certificate'), 4)
  t.is(count(ingress, 'paced'), 0)
  await ingress.close()

  // Each takes eight, which is all that there is.
  const other = await openTestListener({ material: users, limits })
  let last = call(other, heavy)
  const refused = () => count(other, 'refused untrusted-certificate')
  for (let i = 1; i < 5 && count(other, 'paced') === 0; i++) {
    await until(() => refused() === i || count(other, 'paced') > 0)
    last.destroy()
    last = call(other, heavy)
  }
  await until(() => refused() === 5 || count(other, 'paced') > 0)
  t.true(count(other, 'paced') > 0)
  last.destroy()
  await other.close()
})

/** A ClientHello that says it has 100000 bytes: 64 KiB of it, and then what is no record. */
const BROKEN_HELLO = Buffer.concat([
  ...Array.from({ length: 4 }, (_, i) => {
    const part = Buffer.alloc(16_384)
    if (i === 0) part.writeUInt32BE(0x01_01_86_a0)
    return Buffer.concat([Buffer.from('1603014000', 'hex'), part])
  }),
  Buffer.alloc(64, 0xff),
])

test('a handshake that is broken off pays for its size too', async (t) => {
  const ingress = await openTestListener({ material: users, limits })
  for (let i = 0; i < 5 && count(ingress, 'paced') === 0; i++) {
    const socket = netConnect(ingress.port)
    socket.on('error', () => socket.destroy())
    socket.resume().write(BROKEN_HELLO)
    await until(() => socket.destroyed || count(ingress, 'paced') > 0)
    socket.destroy()
    await until(() => ingress.listener.open === 0)
  }
  t.true(count(ingress, 'paced') > 0)
  t.false(ingress.events.includes('handshake ERR_TLS_HANDSHAKE_TIMEOUT'))
  await ingress.close()
})

test('one that waits for its handshake is given up in time', async (t) => {
  const ingress = await openTestListener({
    material: users,
    limits: { ...limits, handshakeMs: 300 },
  })
  const sockets = Array.from({ length: FLOOD }, () => netConnect(ingress.port, '127.0.0.1'))
  for (const socket of sockets) socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
  const said = await Promise.all(sockets.map((socket) => readAll(socket)))
  t.deepEqual(new Set(said), new Set(['']))
  await until(() => ingress.listener.open === 0)
  t.true(count(ingress, 'paced') > 0)
  await ingress.close()
})

test('connections that say nothing and leave cost no budget', async (t) => {
  const ingress = await openTestListener({
    material: users,
    limits: { ...limits, handshakeMs: 3_600_000 },
  })
  for (let i = 0; i < FLOOD; i++) {
    const socket = netConnect(ingress.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    await until(() => count(ingress, 'handshake ECONNRESET') === i + 1)
  }
  t.is(count(ingress, 'paced'), 0)
  t.true(await isServed(ingress, notes))
  await ingress.close()
})

test('a connection that is served gives back what its handshake took from its address', async (t) => {
  const ingress = await openTestListener({ material: users, limits, handshakeTimes: () => FLOOD })
  for (let i = 0; i < FLOOD; i++) t.true(await isServed(ingress, notes))
  t.deepEqual(ingress.events, [])
  await ingress.close()
})

test('a budget grows with time, is not forgotten early, and there are not many of them', (t) => {
  const budgets = new Budgets(2)
  const spent = (name: string, now: number, times?: number) => {
    let count = 0
    while (budgets.of(name, now, times)?.spend(now)) count++
    return count
  }
  t.is(spent('a', 0), 16)
  t.is(spent('a', 1000), 2)
  t.is(spent('b', 1000, 8), 128)
  for (let i = 0; i < 4000; i++) budgets.of(`c${i}`, 1500)
  t.is(spent('a', 1500), 1)
  for (let i = 0; i < 5000; i++) budgets.of(`d${i}`, 1500)
  t.is(spent('a', 1500), 16, 'the one asked for longest ago is forgotten first')
  t.is(spent('d4999', 9600), 16)
  t.is(new Budgets(0).of('a', 0), null)
})

test('debts are not forgotten before they are paid', (t) => {
  const budgets = new Budgets(2)
  budgets.of('a', 0)?.charge(0, 116)
  t.true(budgets.of('b', 49_000)?.has(49_000))
  t.false(budgets.of('a', 49_000)?.spend(49_000))
  t.true(budgets.of('a', 51_000)?.spend(51_000))
})

test('what is owed has an end where many may share it', (t) => {
  const budgets = new Budgets(2, 30)
  budgets.of('a', 0)?.charge(0, 1_000_000)
  t.false(budgets.of('a', 30_000)?.spend(30_000))
  t.true(budgets.of('a', 31_000)?.spend(31_000))
})

/** Handshakes that come to nothing: how many of those that come at once from each address may begin. */
function begun(addresses: readonly string[], each: number): number[] {
  const clock = new CoarseClock()
  const pace = new HandshakePace({
    perSecond: 2,
    handshakeMs: 10_000,
    clock,
    paced: () => undefined,
  })
  const slots = new ConnectionSlots({ connections: 1, pendingConnections: 100_000 })
  const counts = addresses.map((remoteAddress) => {
    let count = 0
    for (let i = 0; i < each; i++) {
      const socket = Object.assign(new Duplex({ read() {} }), { remoteAddress, bytesRead: 100 })
      const begins = () => {
        count++
      }
      pace.begin(socket as unknown as Socket, slots.add(socket as unknown as Socket), begins)
    }
    return count
  })
  clock.stop()
  return counts
}

test('each pod of a node has a budget of its own, though they share a /64', (t) => {
  t.deepEqual(begun(['fd00:10:244::10', 'fd00:10:244::11'], 100), [16, 16])
  t.deepEqual(begun(['10.244.0.10', '::ffff:10.244.0.10', '10.244.0.11'], 100), [16, 0, 16])
})

test('all addresses of a /64 together have as much as four', (t) => {
  const addresses = Array.from({ length: 100 }, (_, i) => `2001:db8::${i + 1}`)
  const counts = begun([...addresses, '2001:db8:0:1::1'], 8)
  t.is(counts.pop(), 8, 'another network')
  t.is(
    counts.reduce((sum, count) => sum + count),
    64,
  )
})

test('an address and its network owe no more than 30 seconds, whatever TLS had to read for them', (t) => {
  for (const remoteAddress of ['192.0.2.1', '2001:db8::1']) {
    const clock = { now: 0, watch: () => {}, unwatch: () => {} }
    const options = { perSecond: 2, handshakeMs: 10_000, paced: () => undefined }
    const pace = new HandshakePace({ ...options, clock: clock as unknown as CoarseClock })
    const slots = new ConnectionSlots({ connections: 10, pendingConnections: 10 })
    let begun = 0
    const come = () => {
      const socket = Object.assign(new Duplex({ read() {} }), { remoteAddress, bytesRead: 100 })
      const slot = slots.add(socket as unknown as Socket)
      pace.begin(socket as unknown as Socket, slot, () => {
        begun++
      })
      return slot
    }
    come().broughtNothing(1e9)
    clock.now = 29_000
    come()
    t.is(begun, 1, 'it still owes')
    clock.now = 32_000
    come()
    t.is(begun, 2)
  }
})
