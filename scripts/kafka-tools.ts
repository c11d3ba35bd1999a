// Brings the Kafka that tests and benchmarks start, by Maven, where `mvn` is. What cannot be had is one line
// that begins with `skipped:`; the exit code is 1 then.
//
//     npm run kafka-tools
import { classPath, fetchKafka, KAFKA_PROFILES } from '../test/support/kafka/class-path.ts'

/** Some sixty jars, 60 MB, when none is there yet. */
const WITHIN_MS = 300_000

for (const profile of KAFKA_PROFILES) {
  try {
    if (classPath(profile) === undefined) fetchKafka(profile, WITHIN_MS)
    console.log(`kafka ${profile}: here`)
  } catch (error) {
    process.exitCode = 1
    const why = error instanceof Error ? error.message.trim().split('\n').slice(0, 3).join(' ') : ''
    console.log(`skipped: Kafka's ${profile}: ${why}`)
  }
}
