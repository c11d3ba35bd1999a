import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedKafka } from '../support/kafka-broker.ts'
import { runKafka, withKafka } from '../support/kafka-java.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'
import { Process } from '../support/scenario/process.ts'

// Messages of 1 MB, 200 of them in a row: what is held has a limit, what streams is not held.

const cluster = sharedKafka()
const TOPIC = 'folio.diku.users.large'
const RECORDS = 200
const MIB = 1024 * 1024
/** 400 MB pass; with 8 MiB of frames held, TLS and V8 around them, it was 39 MiB. */
const MOST_GROWN = 96 * MIB

function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

withKafka('messages of 1 MB pass in both directions, and the memory stays bounded', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic(TOPIC, 2)
  const limits = { kafka: { bufferedBytes: 8 * MIB, heldBytes: 4 * MIB } }
  const sidecar = await KafkaSidecar.start(t, kafka, {}, { limits })
  // A process of its own, with the same configuration: memory of the test's own is not the sidecar's.
  const process = new Process(['run', '-c', join(sidecar.directory, '..', 'sidecar.json')])
  t.teardown(() => process.stop())
  const [ready] = await process.say(({ msg }) => msg === 'ready')
  const bootstrap = ready!.listening!['kafka']!
  const { pid } = process
  const before = resident(pid)
  let most = before
  const looking = setInterval(() => {
    most = Math.max(most, resident(pid))
  }, 20)
  t.teardown(() => clearInterval(looking))
  const sent = await runKafka('ProducerPerformance', [
    ...['--topic', TOPIC, '--num-records', String(RECORDS), '--record-size', '1000000'],
    ...['--throughput', '-1', '--producer-props', `bootstrap.servers=${bootstrap}`],
    ...['max.request.size=2000000', 'acks=all', 'delivery.timeout.ms=300000'],
  ])
  t.is(sent.code, 0, sent.err)
  // ava is told that this goes on.
  console.log(`all is written: the sidecar grew by ${Math.round((most - before) / MIB)} MiB`)
  t.regex(sent.out, new RegExp(`^${RECORDS} records sent`, 'm'))
  const read = await runKafka('ConsumerPerformance', [
    ...['--bootstrap-server', bootstrap, '--topic', TOPIC, '--group', 'mod-users-large'],
    ...['--num-records', String(RECORDS), '--timeout', '60000'],
  ])
  t.is(read.code, 0, read.err)
  t.is(Number(read.out.trimEnd().split('\n').at(-1)?.split(',')[4]), RECORDS, read.out + read.err)
  t.true(most - before < MOST_GROWN, `grew by ${Math.round((most - before) / MIB)} MiB`)
  t.log(`grew by ${Math.round((most - before) / MIB)} MiB`)
})
