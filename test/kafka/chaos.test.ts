import test from 'ava'
import fc from 'fast-check'
import { kafkaPlays, playKafka } from '../support/kafka-chaos.ts'

test('whatever client and broker send, the broker is asked for what may be, and nothing is left behind', async (t) => {
  let plays = 0
  await fc.assert(
    fc.asyncProperty(kafkaPlays, async (play) => {
      plays++
      const wrong = await playKafka(play)
      if (wrong !== null) throw new Error(wrong)
    }),
    { numRuns: 400, seed: 7 },
  )
  t.is(plays, 400)
})
