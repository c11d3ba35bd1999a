import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { refuse } from '../../src/refusal/refusal.ts'
import { Dialer } from '../../src/transport/dial.ts'
import type { DialTls } from '../../src/transport/dial-options.ts'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import { NameServer } from '../support/name-server.ts'
import { until } from '../support/patience.ts'
import { materialOf } from './authority.ts'
import { dialerTo, dialOnce, liveById, openRecorder, openTestListener } from './peers.ts'
import { tempFolder } from './temp.ts'
import { NOBODY, older, record, root, stranger, users, wanted } from './upstreams.ts'

test('the peer that is wanted is handed over, proven', async (t) => {
  const ingress = await openTestListener({ material: materialOf(users, [root]) })
  const live = liveById()
  const dialer = new Dialer(dialerTo([ingress.port], wanted({ live })))
  const { refusal, socket, identity } = await dialOnce(dialer)
  t.is(refusal, null)
  t.is(identity, 'mod-users-19.7.0')
  t.is(live.size, 1)
  t.is(live.acceptedFrom('mod-users-19.7.0'), 0)
  if (socket === null) throw new Error('no socket')
  for (const event of ['error', 'connect', 'secureConnect']) t.is(socket.listenerCount(event), 0)
  const [greeting] = await once(socket, 'data')
  t.is(String(greeting), 'hello okapi-7.2.0\n')
  t.is(socket instanceof TLSSocket && socket.alpnProtocol, 'http/1.1')
  const closed = once(socket, 'close')
  socket.destroy()
  await closed
  t.is(live.size, 0)
  await ingress.close()
})

test('when an address proves another identity the next is tried, and first the next time', async (t) => {
  const wrong = await record(older)
  const right = await record(users)
  const dialer = new Dialer(dialerTo([wrong.port, right.port], wanted()))
  for (let visit = 0; visit < 2; visit++) {
    const { refusal, socket, identity } = await dialOnce(dialer)
    t.is(refusal, null)
    t.is(identity, 'mod-users-19.7.0')
    socket?.destroy()
  }
  await right.close()
  await wrong.close()
  t.is(wrong.connections, 1)
  t.is(right.connections, 2)
  t.is(wrong.received.length, 0)
})

test('wrong-peer only when none fits, after one round and without a byte sent or taken', async (t) => {
  const wrongs = await Promise.all([record(older, 'evil'), record(older, 'evil')])
  const ports = wrongs.map(({ port }) => port)
  let heard = 0
  const callback = () => {
    heard++
    return true
  }
  const dialer = new Dialer(dialerTo(ports, wanted(), { connectWaitMs: 3_600_000 }))
  const onread = { buffer: Buffer.alloc(65_536), callback }
  const { refusal, socket } = await dialOnce(dialer, { onread })
  t.is(refusal?.reason, 'wrong-peer')
  t.is(refusal?.status, 403)
  t.regex(refusal?.because ?? '', /mod-users-19\.6\.0 is not mod-users-19\.7\.0/)
  t.is(socket, null)
  for (const wrong of wrongs) {
    await wrong.close()
    t.is(wrong.received.length, 0)
  }
  t.is(heard, 0)
})

test('a name that leads to others only is looked up again, and where it leads by then is tried', async (t) => {
  const wrong = await record(older)
  const right = await openRecorder({ ...users, ca: root.cert }, '', wrong.port, '127.0.0.2')
  const server = await NameServer.start()
  t.teardown(() => Promise.all([wrong.close(), right.close(), server.close()]))
  const resolvConf = join(tempFolder(), 'resolv.conf')
  writeFileSync(resolvConf, `nameserver 127.0.0.1:${server.port}\n`)
  let now = 1_000_000
  const names = new NameResolver(() => now, { hosts: '', resolvConf })
  const addresses = [{ host: 'users.test', port: wrong.port }]
  const dialer = new Dialer(dialerTo([], wanted(), { addresses, names }))
  server.zones.set('users.test', { a: ['127.0.0.1'], ttl: 300 })
  t.is((await dialOnce(dialer)).refusal?.reason, 'wrong-peer')
  // Nothing new is known: it is asked once a second at most, and no address twice.
  t.is((await dialOnce(dialer)).refusal?.reason, 'wrong-peer')
  t.is(server.count('A users.test'), 1)
  t.is(wrong.connections, 2)
  server.zones.set('users.test', { a: ['127.0.0.2'], ttl: 300 })
  now += 1000
  const { refusal, identity, socket } = await dialOnce(dialer)
  t.is(refusal, null)
  t.is(identity, 'mod-users-19.7.0')
  socket?.destroy()
  t.is(wrong.received.length, 0)
})

/** Wants mod-users-19.7.0, which may still come to where another version is. */
const patient = wanted({
  fits: (identity) => {
    if (identity === 'mod-users-19.7.0') return null
    const reason = identity === 'mod-users-19.6.0' ? 'module-unavailable' : 'wrong-peer'
    return refuse(reason, `${identity} is there`)
  },
})

test('where another version answers, the one that is wanted is waited for', async (t) => {
  const other = await record(older)
  const [later = 0] = await freePorts(1)
  const dialer = new Dialer(dialerTo([other.port, later], patient, { connectWaitMs: 3_600_000 }))
  const dialled = dialOnce(dialer)
  await until(() => other.connections > 0)
  const { key, cert } = users
  const right = await openRecorder({ key, cert, ca: root.cert }, '', later)
  const { refusal, identity, socket } = await dialled
  t.is(refusal, null)
  t.is(identity, 'mod-users-19.7.0')
  socket?.destroy()
  await other.close()
  await right.close()
  t.is(other.received.length, 0)
})

test('the one that never comes is not available, and the other is not asked in every round', async (t) => {
  const other = await record(older)
  const options = { connectWaitMs: 450 }
  const { refusal } = await dialOnce(new Dialer(dialerTo([other.port, NOBODY], patient, options)))
  t.is(refusal?.reason, 'module-unavailable')
  t.is(refusal?.status, 503)
  t.is(refusal?.limit, 'connectWaitMs')
  t.regex(refusal?.because ?? '', /mod-users-19\.6\.0 is there; .*ECONNREFUSED/)
  // Rounds begin after 50, 150 and 350 ms; a handshake is tried again after 500.
  t.true(other.connections <= 2)
  await other.close()
  t.is(other.received.length, 0)
})

test('an impostor beside another version is not waited for', async (t) => {
  const other = await record(older)
  const impostor = await record(root.issue('mod-tags-3.1.0'))
  const ports = [other.port, impostor.port]
  const dialer = new Dialer(dialerTo(ports, patient, { connectWaitMs: 3_600_000 }))
  t.is((await dialOnce(dialer)).refusal?.reason, 'wrong-peer')
  for (const each of [other, impostor]) {
    await each.close()
    t.is(each.received.length, 0)
  }
})

test('an address with a foreign certificate does not stop the one that fits', async (t) => {
  const forged = await record(stranger)
  const right = await record(users)
  const dialer = new Dialer(dialerTo([forged.port, right.port], wanted()))
  const { identity, socket } = await dialOnce(dialer)
  t.is(identity, 'mod-users-19.7.0')
  socket?.destroy()
  await forged.close()
  await right.close()
  t.is(forged.received.length, 0)
})

test('an address where nothing listens does not stop the one that fits', async (t) => {
  const right = await record(users)
  const dialer = new Dialer(dialerTo([NOBODY, right.port], wanted()))
  const { identity, socket } = await dialOnce(dialer)
  t.is(identity, 'mod-users-19.7.0')
  socket?.destroy()
  await right.close()
})

const CARELESS: readonly (readonly [string, Partial<DialTls<string, null>>])[] = [
  [
    'a judge that throws',
    {
      authenticator: () => {
        throw new Error('broken')
      },
    },
  ],
  ['a judge that knows nothing', { authenticator: () => JSON.parse('null') }],
  [
    'a fits that throws',
    {
      fits: () => {
        throw new Error('broken')
      },
    },
  ],
  [
    'key material that is none',
    { material: () => ({ key: 'none', cert: 'none', ca: ['none'], crl: [] }) },
  ],
  [
    'material that throws',
    {
      material: () => {
        throw new Error('broken')
      },
    },
  ],
]

for (const [what, careless] of CARELESS) {
  test(`${what} lets no peer in`, async (t) => {
    const server = await record(users)
    const dialer = new Dialer(dialerTo([server.port], wanted(careless)))
    const { refusal, socket } = await dialOnce(dialer)
    t.is(refusal?.reason, 'upstream-untrusted')
    t.is(socket, null)
    await server.close()
    t.is(server.received.length, 0)
  })
}

test('an authenticator that believes all does not let in what OpenSSL did not verify', async (t) => {
  const forged = await record(stranger)
  const dialer = new Dialer(
    dialerTo([forged.port], wanted({ authenticator: () => 'mod-users-19.7.0' })),
  )
  const { refusal } = await dialOnce(dialer)
  t.is(refusal?.reason, 'upstream-untrusted')
  t.regex(refusal?.because ?? '', /UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
  await forged.close()
})
