import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { refuse } from '../../src/refusal/refusal.ts'
import { boundAddress } from '../../src/transport/address.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { ConnectionSlots } from '../../src/transport/connection-slots.ts'
import { turnAway } from '../../src/transport/turn-away.ts'
import { readAll } from './peers.ts'

// A peer that is refused can still have TLS decrypt records without data: KeyUpdate messages.

const REFUSED = refuse('no-certificate', 'it shows none')

interface TurnedAway {
  readonly client: Socket
  /** What carries TLS on our side. */
  readonly below: { bytesRead: number }
  /** Handshakes that it was charged for. */
  paid: number
}

/** Peers at one address that are all refused. */
async function refused(t: ExecutionContext, count: number) {
  const clock = new CoarseClock(3_600_000)
  const slots = new ConnectionSlots({ connections: 100, pendingConnections: 100 })
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = boundAddress(server)
  if ('path' in address) throw new Error('a Unix socket')
  const peers: TurnedAway[] = []
  for (let i = 0; i < count; i++) {
    const client = connect(address)
    const [socket] = (await once(server, 'connection')) as [Socket]
    const peer: TurnedAway = { client, below: { bytesRead: 1000 }, paid: 0 }
    const slot = slots.add(socket)
    slot.paidBy((handshakes) => {
      peer.paid += handshakes
    })
    const audience = { proven: false, requestId: 'id' }
    turnAway(socket, REFUSED, audience, clock, { below: peer.below, slot })
    peers.push(peer)
  }
  t.teardown(() => {
    clock.stop()
    for (const { client } of peers) client.destroy()
    server.close()
  })
  return { peers, clock, slots }
}

test('one whose records bring no data is cut at the next look, and its address pays', async (t) => {
  const { peers, clock, slots } = await refused(t, 1)
  const peer = peers[0]!
  clock.tick()
  t.is(slots.open, 1)
  peer.below.bytesRead += 135_000
  clock.tick()
  t.is(await readAll(peer.client), '')
  while (slots.open > 0) await new Promise((resolve) => setImmediate(resolve))
  t.is(peer.paid, 100)
})

test('what it sends is discarded, and costs it nothing', async (t) => {
  const { peers, slots } = await refused(t, 1)
  const peer = peers[0]!
  peer.below.bytesRead += 8022
  peer.client.end('x'.repeat(8000))
  t.regex(await readAll(peer.client), /^HTTP\/1\.1 403 [\s\S]*no-certificate/)
  while (slots.open > 0) await new Promise((resolve) => setImmediate(resolve))
  t.is(peer.paid, 0)
})

test('of one address four are waited for; a fifth has its answer at once', async (t) => {
  const { peers } = await refused(t, 5)
  const [first, , , , fifth] = peers
  t.regex(await readAll(fifth!.client), /^HTTP\/1\.1 403 /)
  t.is(first!.client.bytesRead, 0)
  first!.client.write('GET / HTTP/1.1\r\n\r\n')
  t.regex(await readAll(first!.client), /^HTTP\/1\.1 403 /)
})
