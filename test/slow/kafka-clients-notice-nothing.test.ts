import {
  Consumer,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import type { KafkaProfile } from '../support/kafka/class-path.ts'
import { sharedKafka } from '../support/kafka-broker.ts'
import { type KafkaProgram, runKafka, startKafka, withKafka } from '../support/kafka-java.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'

// Clients as FOLIO's modules have them, and one that is written in another language, through one sidecar.

const cluster = sharedKafka()
/** Spread over all partitions. */
const KEYS = ['--repeating-keys', '50']
const TOPIC = 'folio.diku.users.users'

/** Lines that a Verifiable* program prints, of one name. */
function told(program: KafkaProgram, name: string): Readonly<Record<string, unknown>>[] {
  const lines = program.out.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'))
  return lines.map((line) => JSON.parse(line)).filter((line) => line.name === name)
}

function consumed(program: KafkaProgram): number {
  return told(program, 'records_consumed').reduce((sum, { count }) => sum + Number(count), 0)
}

for (const profile of ['broker', 'clients-3'] satisfies KafkaProfile[]) {
  const version = profile === 'broker' ? '4' : '3'
  withKafka(
    `a group shares its partitions anew when a member comes and goes: clients ${version}`,
    async (t) => {
      const kafka = await cluster()
      const topic = `folio.diku.users.group${version}`
      await kafka.createTopic(topic, 4)
      const { bootstrap } = await KafkaSidecar.start(t, kafka)
      const place = ['--bootstrap-server', bootstrap, '--topic', topic]
      const member = () => {
        const group = ['--group-id', `mod-users-${version}`, '--reset-policy', 'earliest']
        const one = startKafka(
          'VerifiableConsumer',
          [...place, ...group, '--session-timeout', '10000'],
          profile,
        )
        t.teardown(() => one.stop('SIGKILL'))
        return one
      }
      const assigned = (one: KafkaProgram) => told(one, 'partitions_assigned').length
      const first = member()
      await first.prints(() => assigned(first) > 0)
      const second = member()
      await second.prints(() => assigned(second) > 0)
      await first.prints(() => told(first, 'partitions_revoked').length > 0 && assigned(first) > 1)
      const sent = await runKafka(
        'VerifiableProducer',
        [...place, '--max-messages', '2000', ...KEYS],
        {
          profile,
        },
      )
      t.is(sent.code, 0, sent.err)
      t.regex(sent.out, /"acked":2000/)
      await Promise.race(
        [first, second].map((one) => one.prints(() => consumed(first) + consumed(second) >= 2000)),
      )
      t.true(consumed(first) > 0 && consumed(second) > 0)
      const before = assigned(first)
      await second.stop()
      await first.prints(() => assigned(first) > before)
      const more = await runKafka('VerifiableProducer', [...place, '--max-messages', '500'], {
        profile,
      })
      t.is(more.code, 0, more.err)
      await first.prints(() => consumed(first) + consumed(second) >= 2500)
      await first.stop()
    },
  )

  withKafka(`transactions are committed and aborted as a whole: clients ${version}`, async (t) => {
    const kafka = await cluster()
    const from = `folio.diku.users.from${version}`
    const to = `folio.diku.users.to${version}`
    await kafka.createTopic(from)
    await kafka.createTopic(to)
    const { bootstrap } = await KafkaSidecar.start(t, kafka)
    const filled = await runKafka('VerifiableProducer', [
      ...['--bootstrap-server', bootstrap, '--topic', from, '--max-messages', '1000'],
    ])
    t.is(filled.code, 0, filled.err)
    const copied = await runKafka(
      'TransactionalMessageCopier',
      [
        ...['--broker-list', bootstrap, '--input-topic', from, '--input-partition', '0'],
        ...['--output-topic', to, '--max-messages', '1000', '--transaction-size', '100'],
        ...['--consumer-group', `mod-users-copy${version}`],
        ...['--transactional-id', `mod-users-copy${version}`],
        ...['--enable-random-aborts', '--use-group-metadata', '--transaction-timeout', '20000'],
      ],
      { profile },
    )
    t.is(copied.code, 0, copied.err)
    const read = await runKafka('consumer.ConsoleConsumer', [
      ...['--bootstrap-server', bootstrap, '--topic', to, '--from-beginning'],
      ...[
        '--group',
        `mod-users-read${version}`,
        '--isolation-level',
        'read_committed',
        '--max-messages',
        '1000',
      ],
    ])
    const values = read.out.trimEnd().split('\n')
    // Each once, whatever was aborted in between.
    t.is(new Set(values).size, 1000, read.err.slice(-500))
    t.is(values.length, 1000)
  })

  withKafka(
    `another transactional id is refused in the words of Kafka: clients ${version}`,
    async (t) => {
      const kafka = await cluster()
      const { bootstrap } = await KafkaSidecar.start(t, kafka)
      const { code, out, err } = await runKafka(
        'ProducerPerformance',
        [
          ...['--topic', TOPIC, '--num-records', '1', '--record-size', '10', '--throughput', '-1'],
          ...['--producer-props', `bootstrap.servers=${bootstrap}`],
          ...['--transactional-id', 'mod-orders-1', '--transaction-duration-ms', '1000'],
        ],
        { profile },
      )
      t.not(code, 0)
      t.regex(out + err, /TransactionalIdAuthorizationException/)
    },
  )

  withKafka(`records are not looked into, however compressed: clients ${version}`, async (t) => {
    const kafka = await cluster()
    const topic = `folio.diku.users.compressed${version}`
    await kafka.createTopic(topic)
    const { bootstrap } = await KafkaSidecar.start(t, kafka)
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const properties = [
        ...[`bootstrap.servers=${bootstrap}`, `compression.type=${compression}`],
        ...['enable.idempotence=true', 'linger.ms=20'],
      ]
      const size = ['--num-records', '100', '--record-size', '2000', '--throughput', '-1']
      const all = ['--topic', topic, ...size, '--producer-props', ...properties]
      const sent = await runKafka('ProducerPerformance', all, { profile })
      t.is(sent.code, 0, `${compression}: ${sent.err}`)
    }
    const { out, err } = await runKafka(
      'consumer.ConsoleConsumer',
      [
        ...['--bootstrap-server', bootstrap, '--topic', topic, '--from-beginning'],
        ...['--group', `mod-users-compressed${version}`, '--max-messages', '500'],
      ],
      { profile },
    )
    const lengths = out
      .trimEnd()
      .split('\n')
      .map((line) => line.length)
    t.is(lengths.length, 500, err)
    t.true(lengths.every((length) => length === 2000))
  })
}

withKafka('a client in another language writes and reads, in a group', async (t) => {
  const kafka = await cluster()
  const topic = 'folio.diku.users.other'
  await kafka.createTopic(topic, 3)
  const { bootstrap } = await KafkaSidecar.start(t, kafka)
  const place = { clientId: 'other', bootstrapBrokers: [bootstrap] }
  const producer = new Producer({ ...place, serializers: stringSerializers, idempotent: true })
  t.teardown(() => producer.close())
  const values = Array.from({ length: 300 }, (_, i) => `value ${i}`)
  await producer.send({ messages: values.map((value, i) => ({ topic, key: `${i}`, value })) })
  const consumer = new Consumer({
    ...place,
    groupId: 'mod-users-other',
    deserializers: stringDeserializers,
  })
  t.teardown(() => consumer.close(true))
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.EARLIEST,
    autocommit: true,
  })
  const got: string[] = []
  for await (const { value } of stream) {
    got.push(value)
    if (got.length === values.length) break
  }
  t.deepEqual(got.toSorted(), values.toSorted())
})

withKafka('a client in another language is told what it may not write', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic('folio.diku.consortia.word')
  const { bootstrap } = await KafkaSidecar.start(t, kafka)
  const producer = new Producer({
    ...{ clientId: 'other', bootstrapBrokers: [bootstrap], retries: 0 },
    serializers: stringSerializers,
  })
  t.teardown(() => producer.close())
  const message = { topic: 'folio.diku.consortia.word', key: 'a', value: 'b' }
  const error = await t.throwsAsync(producer.send({ messages: [message] }))
  t.regex(JSON.stringify(error), /"errorCode":29,"name":"folio\.diku\.consortia\.word"/)
})
