import fc from 'fast-check'
import { type KafkaPlay, kafkaPlays, playKafka } from '../test/support/kafka-chaos.ts'

/** A hostile client and a hostile broker at either side of the Kafka leg: what is tried, and how often in a round. */
export const KAFKA_TRIALS = {
  'kafka clients and brokers': [
    1000,
    fc.asyncProperty(kafkaPlays, async (play: KafkaPlay) => {
      const wrong = await playKafka(play)
      if (wrong !== null) throw new Error(wrong)
    }),
  ],
} as const
