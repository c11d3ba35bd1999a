import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import test from 'ava'
import { Databases } from '../../../src/sidecar/legs/databases.ts'
import type { LegOptions } from '../../../src/sidecar/legs/leg.ts'
import { CoarseClock } from '../../../src/transport/clock.ts'
import { until } from '../../support/patience.ts'

const LISTEN = { listen: { host: '127.0.0.1', port: 0 }, servers: [{ host: 'db', port: 5432 }] }

/** Databases with one listener, whose connections come from `accepted`. */
async function opened() {
  const clock = new CoarseClock()
  const subscribers = new Set<() => void>()
  let accepted:
    | ((socket: Socket, peer: string, slot: { settle: () => boolean }) => void)
    | undefined
  const databases = new Databases({
    config: {
      postgres: [LISTEN],
      limits: { handshakeMs: 60_000 },
      module: { id: 'mod-users-19.7.0' },
      policy: { tenants: 'enforce', tenantsOf: [] },
    },
    clock,
    credentials: {
      subscribe: (subscriber: () => void) => {
        subscribers.add(subscriber)
        return () => subscribers.delete(subscriber)
      },
    },
    listeners: {
      other: async (_: unknown, accept: typeof accepted) => {
        accepted = accept
        return '127.0.0.1:5432'
      },
    },
  } as unknown as LegOptions)
  await databases.open()
  return { databases, clock, subscribers, accept: (socket: Socket) => accepted?.(socket, '', SLOT) }
}
const SLOT = { settle: () => true }

/** Both ends of a connection. */
async function pair(close: (after: () => void) => void): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  close(() => server.close())
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => client.destroy())
  const [socket] = await once(server, 'connection')
  close(() => client.destroy())
  return [client, socket]
}

test('what comes before everything listens is served later, unless it has gone', async (t) => {
  const { databases, clock, accept } = await opened()
  t.teardown(() => clock.stop())
  const [client, early] = await pair((after) => t.teardown(after))
  const [other, gone] = await pair((after) => t.teardown(after))
  accept(early)
  accept(gone)
  other.resetAndDestroy()
  gone.resume()
  await until(() => gone.closed)
  databases.serve()
  t.is(early.listenerCount('data'), 1)
  t.is(gone.listenerCount('data'), 0)
  // SSLRequest.
  client.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
  t.is(String((await once(client, 'data'))[0]), 'N')
  databases.destroy()
})

test('nothing is left when it is destroyed: no connection, no subscription, no watch', async (t) => {
  const { databases, clock, subscribers, accept } = await opened()
  t.teardown(() => clock.stop())
  const [client, early] = await pair((after) => t.teardown(after))
  accept(early)
  t.is(subscribers.size, 1)
  t.true(clock.size > 0)
  databases.destroy()
  await until(() => client.destroyed)
  t.is(subscribers.size, 0)
  t.is(clock.size, 0)
})
