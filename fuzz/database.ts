import fc from 'fast-check'
import { clients, openPlayground, playClient } from '../test/support/startup-play.ts'

const database = await openPlayground()

/** What a client sends before a session of the database leg, before a server that writes down what reaches it. */
export const DATABASE_TRIALS = {
  'start-ups of database sessions': [
    300,
    fc.asyncProperty(clients, async (client) => {
      const wrong = await playClient(database, client)
      if (wrong !== null) throw new Error(wrong)
    }),
  ],
} as const
