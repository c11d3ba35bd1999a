import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedKafka } from '../support/kafka-broker.ts'
import { type KafkaProgram, startKafka, withKafka } from '../support/kafka-java.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'

// Three brokers, a producer and a consumer that never stop, and everything that changes behind the sidecar.

const cluster = sharedKafka({ nodes: 3 })
const TOPIC = 'folio.diku.users.users'

/** Lines that a Verifiable* program prints, of one name. */
function told(program: KafkaProgram, name: string): string[] {
  return program.out.split('\n').filter((line) => line.includes(`"name":"${name}"`))
}

function acked(producer: KafkaProgram): number {
  return told(producer, 'producer_send_success').length
}

interface Batch {
  readonly count: number
  readonly partitions: readonly { readonly partition: number; readonly maxOffset: number }[]
}

function batches(consumer: KafkaProgram): Batch[] {
  return told(consumer, 'records_consumed').map((line) => JSON.parse(line))
}

function consumed(consumer: KafkaProgram): number {
  return batches(consumer).reduce((sum, { count }) => sum + count, 0)
}

/** How many records are in the topic, as far as it was read. */
function length(consumer: KafkaProgram): number {
  const ends = new Map<number, number>()
  for (const { partition, maxOffset } of batches(consumer).flatMap((each) => each.partitions)) {
    ends.set(partition, Math.max(ends.get(partition) ?? 0, maxOffset + 1))
  }
  return [...ends.values()].reduce((sum, end) => sum + end, 0)
}

withKafka(
  'restarts of all brokers, a new broker and a rotation cost a client nothing but its own retries',
  async (t) => {
    const kafka = await cluster()
    await kafka.createTopic(TOPIC, 6, ['--replication-factor', '3'])
    const sidecar = await KafkaSidecar.start(t, kafka)
    // Retries are what the clients of modules do, and what this program turns off.
    const properties = join(kafka.directory, 'retries.properties')
    writeFileSync(
      properties,
      'retries=2147483647\nenable.idempotence=true\nmetadata.max.age.ms=5000\n',
    )
    const place = ['--bootstrap-server', sidecar.bootstrap, '--topic', TOPIC]
    const start = (tool: 'VerifiableProducer' | 'VerifiableConsumer', more: string[]) => {
      const program = startKafka(tool, [...place, ...more])
      t.teardown(() => program.stop('SIGKILL'))
      return program
    }
    const producer = start('VerifiableProducer', [
      ...['--throughput', '200', '--repeating-keys', '60', '--command-config', properties],
    ])
    const group = ['--group-id', 'mod-users-roll', '--reset-policy', 'earliest']
    const consumer = start('VerifiableConsumer', group)
    const goesOn = async () => {
      const from = { acked: acked(producer), consumed: consumed(consumer) }
      await producer.prints(() => acked(producer) > from.acked + 300)
      await consumer.prints(() => consumed(consumer) > from.consumed + 300)
      // ava is told that this goes on.
      console.log(`${acked(producer)} records are written, ${consumed(consumer)} read`)
    }
    await goesOn()

    for (const node of kafka.nodes) {
      await node.stop()
      await goesOn()
      await node.run()
      await goesOn()
    }

    const before = sidecar.generations
    sidecar.put(await sidecar.issue(kafka.ca), [kafka.ca])
    await sidecar.reached(before + 1)
    await goesOn()

    const added = await kafka.addBroker()
    const [told4] = await sidecar.process.say(
      ({ msg, nodeId }) => msg === 'kafka broker added' && nodeId === added.id,
    )
    t.like(told4, { broker: added.address })
    await goesOn()

    await producer.stop()
    const sent = acked(producer)
    t.deepEqual(told(producer, 'producer_send_error'), [])
    await consumer.prints(() => length(consumer) >= sent)
    // Each once: the producer is idempotent. A consumer that its group has missed for a while may read some again.
    t.is(length(consumer), sent)
    t.true(consumed(consumer) >= sent)
    await consumer.stop()
    const cut = sidecar.process.lines.filter(({ msg }) => msg === 'kafka connection refused')
    t.true(cut.every(({ reason }) => reason === 'upstream-unreachable'))
  },
)
