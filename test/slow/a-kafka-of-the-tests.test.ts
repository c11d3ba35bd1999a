import { sharedKafka } from '../support/kafka-broker.ts'
import { runKafka, withKafka } from '../support/kafka-java.ts'
import { moduleNames } from '../support/pki.ts'

// The broker that other tests go by decides as it should: by the certificate, and default deny.

const USERS = 'mod-users-19.7.0'
const cluster = sharedKafka()

withKafka('a record comes back to whom the broker allows it', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic('folio.diku.users.users')
  await kafka.allow(USERS)
  const file = await kafka.clientFile('users', moduleNames(USERS))
  const place = ['--bootstrap-server', kafka.bootstrap, '--topic', 'folio.diku.users.users']
  const sent = await runKafka('ConsoleProducer', [...place, '--command-config', file], {
    input: 'a record\n',
  })
  t.is(sent.code, 0, sent.err)
  const from = ['--from-beginning', '--max-messages', '1', '--command-config', file]
  const { out } = await runKafka('consumer.ConsoleConsumer', [...place, ...from])
  t.is(out, 'a record\n')
})

withKafka('a certificate that the broker was told nothing of may not write', async (t) => {
  const kafka = await cluster()
  const file = await kafka.clientFile('tags', moduleNames('mod-tags-3.1.0'))
  const args = ['--bootstrap-server', kafka.bootstrap, '--topic', 'folio.diku.users.users']
  const { out, err } = await runKafka('ConsoleProducer', [...args, '--command-config', file], {
    input: 'no\n',
  })
  t.regex(out + err, /Not authorized to access topics: \[folio\.diku\.users\.users\]/)
})
