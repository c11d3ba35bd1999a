import { once } from 'node:events'
import { TLSSocket } from 'node:tls'
import test from 'ava'
import { Dialer, type DialTls } from '../../src/transport/dial.ts'
import { materialOf } from './authority.ts'
import { dialerTo, dialOnce, liveById, openDoor } from './peers.ts'
import { NOBODY, older, record, root, stranger, users, wanted } from './upstreams.ts'

test('the peer that is wanted is handed over, proven', async (t) => {
  const door = await openDoor({ material: materialOf(users, [root]) })
  const live = liveById()
  const dialer = new Dialer(dialerTo([door.port], wanted({ live })))
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
  await door.close()
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

test('an address that nobody listens on does not stop the one that fits', async (t) => {
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
      judge: () => {
        throw new Error('broken')
      },
    },
  ],
  ['a judge that knows nothing', { judge: () => JSON.parse('null') }],
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
  test(`${what} lets nobody in`, async (t) => {
    const server = await record(users)
    const dialer = new Dialer(dialerTo([server.port], wanted(careless)))
    const { refusal, socket } = await dialOnce(dialer)
    t.is(refusal?.reason, 'upstream-untrusted')
    t.is(socket, null)
    await server.close()
    t.is(server.received.length, 0)
  })
}

test('a judge that believes everybody does not let in what OpenSSL did not verify', async (t) => {
  const forged = await record(stranger)
  const dialer = new Dialer(dialerTo([forged.port], wanted({ judge: () => 'mod-users-19.7.0' })))
  const { refusal } = await dialOnce(dialer)
  t.is(refusal?.reason, 'upstream-untrusted')
  t.regex(refusal?.because ?? '', /UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
  await forged.close()
})
