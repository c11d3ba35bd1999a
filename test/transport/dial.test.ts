import { once } from 'node:events'
import type { Socket } from 'node:net'
import test from 'ava'
import type { Refusal } from '../../src/refusal/refusal.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { Dialer, type DialerOptions } from '../../src/transport/dial.ts'
import { Authority, materialOf } from './authority.ts'
import { judgeById, liveById, only, openDoor } from './peers.ts'

const root = new Authority('root')
const users = root.issue('mod-users-19.7.0')
const okapi = materialOf(root.issue('okapi-7.2.0'), [root])

interface Outcome {
  readonly refusal: Refusal | null
  readonly socket: Socket | null
  readonly identity: string | null
}

function dialOnce(options: DialerOptions<string, null>): Promise<Outcome> {
  const dialer = new Dialer(options)
  return new Promise((resolve) => {
    dialer.dial({}, (refusal, socket, identity) => resolve({ refusal, socket, identity }))
  })
}

test('the peer that is wanted is handed over, proven', async (t) => {
  const door = await openDoor({ material: materialOf(users, [root]) })
  const clock = new CoarseClock(10)
  const live = liveById()
  const { refusal, socket, identity } = await dialOnce({
    addresses: [{ host: '127.0.0.1', port: door.port }],
    tls: { material: () => okapi, judge: judgeById, fits: only('mod-users-19.7.0'), live },
    connectMs: 5000,
    handshakeMs: 5000,
    connectWaitMs: 0,
    clock,
    whenUnreachable: 'upstream-unreachable',
  })
  t.is(refusal, null)
  t.is(identity, 'mod-users-19.7.0')
  t.is(live.size, 1)
  const [greeting] = await once(socket as Socket, 'data')
  t.is(String(greeting), 'hello okapi-7.2.0\n')
  socket?.destroy()
  await door.close()
  clock.stop()
})
