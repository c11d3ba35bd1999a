import test from 'ava'
import { until } from '../support/patience.ts'
import { cancelPacket } from '../support/postgres-packets.ts'
import { RecordedDatabase } from '../support/postgres-recorder.ts'

const RULES = {
  databases: ['folio'],
  roles: ['diku_mod_users'],
  parameters: [],
  authentication: ['cert'],
  mode: 'enforce',
  superuser: 'refuse',
} as const

test('a client that cancels and leaves has no more connections to the server than there may be sessions', async (t) => {
  const database = await RecordedDatabase.start(RULES, 2)
  t.teardown(() => database.close())
  await database.stand({ user: 'diku_mod_users', database: 'folio' })
  database.holdsCancels = true
  const key = Buffer.from([0, 0, 0, 1])
  const cancel = () => database.leave(cancelPacket(1, key))
  for (let i = 0; i < 5; i++) await cancel()
  await until(() => database.recorded.length === 3 && database.refusals.length === 3)
  t.deepEqual(new Set(database.refusals.map(({ reason }) => reason)), new Set(['overloaded']))
  // What was taken makes room.
  for (const { socket } of database.recorded.slice(1)) socket.destroy()
  await until(async () => {
    const before = database.refusals.length
    await cancel()
    await until(() => database.refusals.length > before || database.recorded.length > 3)
    return database.recorded.length > 3
  })
  t.pass()
})
