import test from 'ava'
import { classPath, KAFKA_PROFILES } from './kafka/class-path.ts'
import { type Declare, withTool } from './scenario/tools.ts'

export { KafkaProgram, type KafkaTool, runKafka, startKafka } from './kafka/program.ts'

const NOT_HERE = 'Kafka is not here, `npm run kafka-tools` brings it'

/** Tests that need a real Kafka: where there is none they are skipped, with one line of output per file. */
export const withKafka: Declare = KAFKA_PROFILES.every((each) => classPath(each) !== undefined)
  ? withTool('java')
  : skipped()

function skipped(): Declare {
  let missed = 0
  return (title, run) => {
    if (missed++ === 0) {
      setImmediate(() => console.log(`skipped: ${NOT_HERE} (${missed} of this file's tests)`))
    }
    test.serial.skip(title, run)
  }
}
