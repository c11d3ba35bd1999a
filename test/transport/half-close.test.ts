import { once } from 'node:events'
import { connect } from 'node:tls'
import test from 'ava'
import { Authority, materialOf } from './authority.ts'
import { openTestListener } from './peers.ts'

const root = new Authority('root')
const { key, cert } = root.issue('mod-notes-7.0.0')
const users = root.issue('mod-users-19.7.0')

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a peer that ended its side is still answered over ${version}`, async (t) => {
    const ingress = await openTestListener({ material: materialOf(users, [root]) }, (socket) => {
      socket.resume()
      socket.on('end', () => {
        // Well after the end was seen: an answer that takes its time.
        setImmediate(() => setImmediate(() => socket.end('late answer')))
      })
    })
    const versions = { minVersion: version, maxVersion: version, allowHalfOpen: true }
    const socket = connect({
      port: ingress.port,
      key,
      cert,
      ca: root.cert,
      ...versions,
    })
    await once(socket, 'secureConnect')
    socket.end('question')
    let text = ''
    socket.on('data', (bytes) => {
      text += String(bytes)
    })
    await once(socket, 'close')
    t.is(text, 'late answer')
    await ingress.close()
  })
}
