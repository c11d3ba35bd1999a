import { sharedKafka } from '../support/kafka-broker.ts'
import { runKafka, withKafka } from '../support/kafka-java.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'

const cluster = sharedKafka()

withKafka('records go out and come back through the sidecar, with a group', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic('folio.diku.users.users', 3)
  const sidecar = await KafkaSidecar.start(t, kafka)
  const place = ['--bootstrap-server', sidecar.bootstrap, '--topic', 'folio.diku.users.users']
  const lines = Array.from({ length: 200 }, (_, i) => `record ${i}`)
  const sent = await runKafka('ConsoleProducer', place, { input: `${lines.join('\n')}\n` })
  t.is(sent.code, 0, sent.err)
  const group = ['--group', 'mod-users-test', '--from-beginning', '--max-messages', '200']
  const got = await runKafka('consumer.ConsoleConsumer', [...place, ...group])
  t.deepEqual(got.out.trimEnd().split('\n').toSorted(), lines.toSorted(), got.err)
})

withKafka('another topic is refused in the words of Kafka', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic('folio.diku.consortia.affiliation')
  const sidecar = await KafkaSidecar.start(t, kafka)
  const place = [
    '--bootstrap-server',
    sidecar.bootstrap,
    '--topic',
    'folio.diku.consortia.affiliation',
  ]
  const { out, err } = await runKafka(
    'ConsoleProducer',
    [...place, '--producer-property', 'max.block.ms=5000'],
    { input: 'forged\n' },
  )
  t.regex(out + err, /Not authorized to access topics: \[folio\.diku\.consortia\.affiliation\]/)
  const read = await runKafka('consumer.ConsoleConsumer', [
    ...place,
    '--from-beginning',
    '--timeout-ms',
    '5000',
  ])
  t.regex(read.out + read.err, /Not authorized to access topics/)
})
