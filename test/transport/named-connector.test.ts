import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { isFlood } from '../../src/refusal/record-overhead.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import { NamedConnector } from '../../src/transport/named-connector.ts'
import type { NamedPlace, OpenedNamed } from '../../src/transport/named-handshake.ts'
import { namedServerContext } from '../../src/transport/named-server.ts'
import { type Flooder, floodingServer } from '../support/key-updates.ts'
import { makeCa } from '../support/pki.ts'

/** A server that floods when it is told, one that never does, and what connects to them in this order. */
async function twoServers(t: ExecutionContext) {
  const ca = await makeCa(undefined, 'root1')
  const { keyPem: key, chainPem: cert } = await ca.issue({ ip: ['127.0.0.1'], eku: ['serverAuth'] })
  const flooders: Flooder[] = []
  const first = await floodingServer({ key, cert }, 'kafka', (one) => flooders.push(one))
  const second = createServer({ key, cert }, (socket) => socket.on('error', () => {}))
  second.listen(0, '127.0.0.1')
  await once(second, 'listening')
  const clock = new CoarseClock()
  t.teardown(() => {
    clock.stop()
    first.server.close()
    second.close()
  })
  const context = namedServerContext({ ca: [ca.certPem], crl: [] }, undefined)
  const limits: string[] = []
  const connector = new NamedConnector({
    called: 'the broker',
    context: () => context,
    callerIn: () => undefined,
    names: new NameResolver(() => clock.now),
    clock,
    ...{ connectMs: 60_000, handshakeMs: 60_000, recordOverheadBytesPerSecond: 1024 },
    limitHit: (limit) => limits.push(limit),
  })
  const place = (port: number): NamedPlace => ({ host: '127.0.0.1', port, name: '127.0.0.1' })
  const places = [place(first.port), place((second.address() as AddressInfo).port)] as const
  const open = (where: readonly NamedPlace[] = places) =>
    new Promise<OpenedNamed>((resolve, reject) => {
      connector.connect(where, (refusal, opened) => {
        if (opened === null) return reject(new Error(refusal?.because))
        t.teardown(() => opened.socket.destroy())
        opened.socket.resume()
        resolve(opened)
      })
    })
  return { open, places, flooders, limits, clock }
}

test('with one connection that floods all to that address end, and the next place serves', async (t) => {
  const { open, places, flooders, limits, clock } = await twoServers(t)
  const opened = [await open(), await open()]
  t.true(opened.every(({ place }) => place.port === places[0].port))
  const ended = opened.map(({ socket }) => once(socket, 'error'))
  while (flooders.length < 2) await new Promise((resolve) => setImmediate(resolve))
  // The second for which it is left alone does not pass.
  clock.stop()
  flooders[0]!.flood(1000)
  for (const [error] of await Promise.all(ended)) t.true(isFlood(error as Error))
  t.deepEqual(limits, ['recordOverheadBytesPerSecond'])
  t.is((await open()).place.port, places[1].port)
  const alone = await t.throwsAsync(open([places[0]]))
  t.regex(alone?.message ?? '', /bring no data, and is left alone/)
})
