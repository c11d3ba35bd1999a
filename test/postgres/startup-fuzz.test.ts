import test from 'ava'
import fc from 'fast-check'
import { clients, openPlayground, playClient } from '../support/startup-play.ts'

// `npm run fuzz` plays more of them.
test('nothing that is refused reaches the server, and what is allowed does as it came', async (t) => {
  const database = await openPlayground()
  t.teardown(() => database.close())
  await fc.assert(
    fc.asyncProperty(clients, async (client) => {
      const wrong = await playClient(database, client)
      if (wrong !== null) throw new Error(wrong)
    }),
    { numRuns: 150 },
  )
  t.pass()
})
