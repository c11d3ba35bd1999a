import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'node:tls'
import test from 'ava'
import { Fault } from '../../src/fault.ts'
import { Authority, materialOf } from './authority.ts'
import { openTestListener, readAll } from './peers.ts'
import { tempFolder } from './temp.ts'

const root = new Authority('root')
const users = root.issue('mod-users-19.7.0')
const { key, cert } = root.issue('mod-notes-7.0.0')

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [listen, host] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['0.0.0.0', '::1'],
  ] as const) {
    test(`a fitting peer is served over ${version} at ${listen}, called as ${host}`, async (t) => {
      const ingress = await openTestListener({
        material: materialOf(users, [root]),
        address: { host: listen, port: 0 },
      })
      const versions = { minVersion: version, maxVersion: version }
      const named = { host, servername: 'localhost', ca: root.cert }
      const socket = connect({ ...named, port: ingress.port, key, cert, ...versions })
      const [greeting] = await once(socket, 'data')
      t.is(String(greeting), 'hello mod-notes-7.0.0\n')
      t.is(ingress.live.acceptedFrom('mod-notes-7.0.0'), 1)
      t.is(ingress.listener.open, 1)
      socket.end()
      await readAll(socket)
      await ingress.close()
      t.is(ingress.live.size, 0)
      t.is(ingress.listener.open, 0)
      t.is(ingress.clock.size, 0)
      t.deepEqual(ingress.events, [])
    })
  }
}

test('TLS is not served on a Unix socket', async (t) => {
  const path = join(tempFolder(), 'tls.sock')
  const opening = openTestListener({ material: materialOf(users, [root]), address: { path } })
  const error = await t.throwsAsync(opening, { instanceOf: Fault })
  t.regex(error?.message ?? '', /TLS is served over TCP only/)
})
