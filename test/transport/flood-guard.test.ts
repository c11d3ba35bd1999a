import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { isFlood } from '../../src/refusal/record-overhead.ts'
import { below, type Carrier, handleBelow, holdBack, letRead } from '../../src/transport/below.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import type { ConnectionSlot } from '../../src/transport/connection-slots.ts'
import { FloodGuard } from '../../src/transport/flood-guard.ts'
import { tellsOfKeyUpdate } from '../../src/transport/key-updates.ts'
import { floodingClient } from '../support/key-updates.ts'
import { materialOf } from './authority.ts'
import { openTestListener } from './peers.ts'
import { root, users } from './upstreams.ts'

const LINE = 'CLIENT_TRAFFIC_SECRET_N 00 11\n'
const MATERIAL = materialOf(root.issue('okapi-7.2.0'), [root])
const tags = root.issue('mod-tags-3.1.0')

const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A connection of this caller at this address, as far as the guard sees it. */
class Connection extends EventEmitter {
  readonly name: string
  destroyed = false
  ended: Error | undefined
  reads = true
  readonly _handle = {
    reading: true,
    readStop: () => {
      this.reads = false
    },
    readStart: () => {
      this.reads = true
    },
  }
  readonly slot: ConnectionSlot
  readonly carrier: Carrier

  constructor(
    guard: FloodGuard,
    name: string,
    address: string,
    identity?: string,
    network = address,
  ) {
    super()
    this.name = name
    const origin = { address, network }
    this.slot = { origin, caller: identity ?? network } as ConnectionSlot
    guard.add(this as unknown as Socket, this.slot)
    this.carrier = guard.secured(this as unknown as Socket, this as unknown as TLSSocket)
  }

  destroy(error?: Error): void {
    this.destroyed = true
    this.ended = error
    this.emit('close')
  }

  flood(guard: FloodGuard, messages = 65): void {
    for (let i = 0; i < messages; i++) {
      guard.keylog(Buffer.from(LINE), this as unknown as TLSSocket)
    }
  }
}

function guarded(t: ExecutionContext) {
  const clock = new CoarseClock(3_600_000)
  t.teardown(() => clock.stop())
  return new FloodGuard(clock)
}

test('a few KeyUpdate messages are none too many; one more ends the connection', (t) => {
  const guard = guarded(t)
  const one = new Connection(guard, 'one', '10.0.0.1', 'mod-tags')
  one.flood(guard, 64)
  t.false(one.destroyed)
  one.flood(guard, 1)
  t.true(one.ended !== undefined && isFlood(one.ended))
})

test('the others of the caller at that address are cut at once, those of other identities are read on', (t) => {
  const guard = guarded(t)
  const flooder = new Connection(guard, 'flooder', '10.0.0.1', 'mod-tags')
  const same = new Connection(guard, 'same', '10.0.0.1', 'mod-tags')
  const elsewhere = new Connection(guard, 'elsewhere', '10.0.0.2', 'mod-tags')
  const other = new Connection(guard, 'other', '10.0.0.1', 'mod-users')
  flooder.flood(guard)
  t.true(same.destroyed)
  t.false(elsewhere.destroyed)
  t.false(elsewhere.reads)
  t.false(other.destroyed)
  t.true(other.reads)
})

test('those without an identity are not read in this turn, then those of one address every few turns', async (t) => {
  const guard = guarded(t)
  const flooder = new Connection(guard, 'flooder', '10.0.0.1')
  const all = ['a', 'a', 'a', 'b', 'c'].map(
    (name) => new Connection(guard, name, name === 'a' ? '10.0.0.1' : `10.0.1.${name}`),
  )
  flooder.flood(guard)
  for (const read of [0, 3, 4, 5]) {
    t.is(all.filter(({ reads }) => reads).length, read)
    for (let turns = 0; turns < 4; turns++) await turn()
  }
})

test('honest ones behind one address do not wait for each other while others keep the event loop busy', async (t) => {
  const guard = guarded(t)
  const rogues = [1, 2, 3].map((n) => new Connection(guard, 'rogue', `10.0.0.${n}`))
  const honest = [1, 2, 3, 4].map(() => new Connection(guard, 'honest', '10.0.1.1'))
  for (let round = 0; round < 3; round++) {
    for (const { carrier } of rogues) carrier.busy?.()
    t.true(honest.every(({ reads }) => !reads))
    for (let turns = 0; turns < 16; turns++) await turn()
    t.true(honest.every(({ reads }) => reads))
  }
})

test('one that brought many records once is not passed over, however often others do so', async (t) => {
  const guard = guarded(t)
  const rogue = new Connection(guard, 'rogue', '10.0.0.1')
  const upload = new Connection(guard, 'upload', '10.0.1.1')
  const other = new Connection(guard, 'other', '10.0.1.1')
  upload.carrier.busy?.()
  let reads = 0
  for (let turns = 0; turns < 32; turns++) {
    await turn()
    if (upload.reads && other.reads) reads++
    if (rogue.reads) rogue.carrier.busy?.()
  }
  t.true(reads > 0)
})

test('many addresses of one IPv6 network get no more turns than one', async (t) => {
  const guard = guarded(t)
  const network = '2001:db8::/64'
  const rogues = [1, 2, 3].map(
    (n) => new Connection(guard, 'rogue', `2001:db8::${n}`, undefined, network),
  )
  const honest = new Connection(guard, 'honest', '10.0.0.1')
  for (const { carrier } of rogues) carrier.busy?.()
  t.false(honest.reads)
  for (let turns = 0; turns < 8; turns++) await turn()
  t.true(honest.reads)
  t.is(rogues.filter(({ reads }) => reads).length, 1)
  rogues[1]!.destroy()
  for (let turns = 0; turns < 8; turns++) await turn()
  t.is(rogues.filter(({ reads }) => reads).length, 2)
})

test('one that brings many records in a turn is not read on in it, nor are those like it; none is cut', async (t) => {
  const guard = guarded(t)
  const busy = new Connection(guard, 'busy', '10.0.0.1', 'mod-tags')
  const like = [
    new Connection(guard, 'same', '10.0.0.1', 'mod-tags'),
    new Connection(guard, 'elsewhere', '10.0.0.2', 'mod-tags'),
    new Connection(guard, 'unproven', '10.0.0.3'),
  ]
  const other = new Connection(guard, 'other', '10.0.0.1', 'mod-users')
  busy.carrier.busy?.()
  t.true(other.reads)
  for (const each of [busy, ...like]) t.false(each.reads, each.name)
  for (let turns = 0; turns < 16; turns++) await turn()
  for (const each of [busy, ...like]) t.true(each.reads && !each.destroyed, each.name)
})

test('one that is held back and floods in its turn holds back those that wait once more', async (t) => {
  const guard = guarded(t)
  const all = [1, 2, 3].map((n) => new Connection(guard, `${n}`, '10.0.0.1'))
  for (const each of all) {
    each.flood(guard)
    t.is(all.filter(({ destroyed, reads }) => !destroyed && reads).length, 0)
    for (let turns = 0; turns < 4; turns++) await turn()
  }
  t.true(all.every(({ destroyed }) => destroyed))
})

test('one that its reader has paused stays paused', async (t) => {
  const guard = guarded(t)
  const flooder = new Connection(guard, 'flooder', '10.0.0.1')
  const paused = new Connection(guard, 'paused', '10.0.0.1')
  flooder.flood(guard)
  paused._handle.reading = false
  for (let i = 0; i < 8; i++) await turn()
  t.false(paused.reads)
})

test('only new keys are counted, and no secret is left behind', (t) => {
  for (const [line, tells] of [
    [LINE, true],
    ['SERVER_TRAFFIC_SECRET_N 00 11', true],
    ['CLIENT_TRAFFIC_SECRET_0 00 11', false],
    ['EXPORTER_SECRET 00 11', false],
    ['_N', false],
    ['', false],
  ] as const) {
    const bytes = Buffer.from(line)
    t.is(tellsOfKeyUpdate(bytes), tells, line)
    t.true(bytes.every((byte) => byte === 0))
  }
})

// What follows relies on Node and OpenSSL: one that tells no more of KeyUpdate messages, or cannot be held back, fails here.

test('Node tells of KeyUpdate messages in the midst of a read: most of a flood is not even decrypted', async (t) => {
  const errors: Error[] = []
  const open = await openTestListener({ material: MATERIAL }, (socket) => {
    socket.on('error', (error) => errors.push(error))
  })
  t.teardown(() => open.close())
  const sent = 20_000
  const flooder = await floodingClient(open.port, users)
  while (open.peers.length === 0) await turn()
  const { socket } = open.peers[0]!
  const carrier = below(socket)!
  flooder.flood(sent)
  await closed(socket)
  t.true(isFlood(errors[0]!))
  t.true(carrier.bytesRead < (sent * 27) / 2, `${carrier.bytesRead}`)
})

test('a connection of another module goes on while one floods', async (t) => {
  const open = await openTestListener({ material: MATERIAL })
  t.teardown(() => open.close())
  const honest = await floodingClient(open.port, tags)
  const rogues = await Promise.all([1, 2, 3].map(() => floodingClient(open.port, users)))
  while (open.peers.length < 4) await turn()
  const cut = rogues.map(({ raw }) => closed(raw))
  for (const rogue of rogues) rogue.flood(5000)
  await Promise.all(cut)
  honest.socket.write('still here')
  while (!String(Buffer.concat(open.received)).includes('still here')) await turn()
  t.is(open.live.size, 1)
})

test('a TCP connection under TLS can be held back, and read on', async (t) => {
  const open = await openTestListener({ material: MATERIAL })
  t.teardown(() => open.close())
  const client = await floodingClient(open.port, users)
  while (open.peers.length === 0) await turn()
  const { carrier } = below(open.peers[0]!.socket) as unknown as { carrier: Socket }
  t.true(holdBack(handleBelow(carrier)))
  client.socket.write('held')
  const other = await floodingClient(open.port, tags)
  other.socket.write('read')
  while (!String(Buffer.concat(open.received)).includes('read')) await turn()
  t.false(String(Buffer.concat(open.received)).includes('held'))
  letRead(handleBelow(carrier))
  while (!String(Buffer.concat(open.received)).includes('held')) await turn()
  t.false(holdBack({}))
  t.false(holdBack(null))
})
