import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts } from 'node:net'
import test from 'ava'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import type { Target } from '../../src/transport/peer-addresses.ts'
import { Targets } from '../../src/transport/targets.ts'

/** Two pods behind one name; notes whether name servers were to be asked anew. */
function twoPods() {
  const renewed: boolean[] = []
  const names = {
    resolve(_: string, done: (hosts: readonly string[], failure: null) => void, renew: boolean) {
      renewed.push(renew)
      done(['192.0.2.1', '192.0.2.2'], null)
    },
  } as unknown as NameResolver
  const clock = { now: 0 }
  const targets = new Targets([{ host: 'pods.test', port: 8443 }], names, clock)
  const order = () => {
    let keys: readonly string[] = []
    targets.resolve((found) => {
      keys = found.map(({ key }) => key)
    })
    return keys
  }
  return { targets, order, renewed, clock }
}

test('one that is leaving comes last, and the name is looked up anew once: another takes its place', (t) => {
  const { targets, order, renewed } = twoPods()
  t.is(order()[0], '192.0.2.1:8443')
  targets.remember({ key: '192.0.2.1:8443' }, 'leaving')
  for (let turn = 0; turn < 3; turn++) t.is(order()[0], '192.0.2.2:8443')
  t.deepEqual(renewed, [false, true, false, false])
  t.deepEqual(targets.known.others(new Set(), 8), ['192.0.2.2:8443'])
})

test('one that replaces its links comes last, and gets a link again after a moment', (t) => {
  const { targets, order, renewed, clock } = twoPods()
  order()
  targets.remember({ key: '192.0.2.1:8443' }, 'later')
  t.is(order()[0], '192.0.2.2:8443')
  t.deepEqual(renewed, [false, true])
  clock.now += 1000
  t.deepEqual(targets.known.others(new Set(), 8), ['192.0.2.1:8443', '192.0.2.2:8443'])
})

for (const written of ['::1', '0:0:0:0:0:0:0:1', '::0001', '127.0.0.1']) {
  test(`a connection to ${written} is known by that address`, async (t) => {
    const server = createServer().listen(0, written)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const names = new NameResolver(() => 0)
    const targets = new Targets([{ host: written, port }], names, { now: 0 })
    const [target] = await new Promise<readonly Target[]>((resolve) => targets.resolve(resolve))
    const socket = connect(target!.address as NetConnectOpts)
    await once(socket, 'connect')
    t.true(targets.known.includes(targets.known.keyOf(socket)))
    socket.destroy()
    server.close()
  })
}
