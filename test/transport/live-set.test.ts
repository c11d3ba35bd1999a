import { once } from 'node:events'
import { connect } from 'node:tls'
import test from 'ava'
import { LiveSet } from '../../src/transport/live-set.ts'
import { Authority, materialOf } from './authority.ts'
import { openTestListener } from './peers.ts'

const root = new Authority('root')
const users = materialOf(root.issue('mod-users-19.7.0'), [root])
const notes = root.issue('mod-notes-7.0.0')
const tags = root.issue('mod-tags-3.1.0')

test('connections live in the set with their record until they close, and can be ended there', async (t) => {
  const live = new LiveSet<string, number>({
    peerKey: (id) => id,
    record: ({ chain }) => chain.length,
  })
  const ingress = await openTestListener({ material: users, live: live as LiveSet<string, never> })
  const sockets = await Promise.all(
    [notes, notes, tags].map(async ({ key, cert }) => {
      const socket = connect({ port: ingress.port, key, cert, ca: root.cert })
      await once(socket, 'data')
      return socket
    }),
  )
  t.is(live.size, 3)
  t.is(live.acceptedFrom('mod-notes-7.0.0'), 2)
  t.is(live.acceptedFrom('mod-tags-3.1.0'), 1)
  t.is(live.acceptedFrom('mod-users-19.7.0'), 0)
  const records: number[] = []
  live.forEach(({ record }) => {
    records.push(record)
  })
  t.deepEqual(records, [2, 2, 2])

  const closed = sockets.slice(0, 2).map((socket) => once(socket, 'close'))
  const here: Promise<unknown>[] = []
  live.forEach(({ identity, socket }) => {
    if (identity !== 'mod-notes-7.0.0') return
    here.push(once(socket, 'close'))
    socket.destroy()
  })
  await Promise.all([...closed, ...here])
  t.is(live.size, 1)
  t.is(live.acceptedFrom('mod-notes-7.0.0'), 0)
  for (const socket of sockets) socket.destroy()
  live.forEach(({ socket }) => {
    socket.destroy()
  })
  await ingress.close()
  t.is(live.size, 0)
})
