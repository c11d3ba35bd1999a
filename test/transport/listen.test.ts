import { once } from 'node:events'
import { connect } from 'node:tls'
import test from 'ava'
import { Authority, materialOf } from './authority.ts'
import { openDoor, readAll } from './peers.ts'

const root = new Authority('root')
const users = root.issue('mod-users-19.7.0')
const notes = root.issue('mod-notes-7.0.0')

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a peer with a fitting certificate is served over ${version}`, async (t) => {
    const door = await openDoor({ material: materialOf(users, [root]) })
    const { key, cert } = notes
    const socket = connect({
      port: door.port,
      key,
      cert,
      ca: root.cert,
      minVersion: version,
      maxVersion: version,
    })
    const [greeting] = await once(socket, 'data')
    t.is(String(greeting), 'hello mod-notes-7.0.0\n')
    t.is(door.live.acceptedFrom('mod-notes-7.0.0'), 1)
    socket.end()
    await readAll(socket)
    await door.close()
    t.is(door.live.size, 0)
    t.is(door.listener.open, 0)
    t.deepEqual(door.events, [])
  })
}
