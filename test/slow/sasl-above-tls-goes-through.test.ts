import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { KafkaCluster } from '../support/kafka/cluster.ts'
import { runKafka, withKafka } from '../support/kafka-java.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'
import { typed } from '../support/typed.ts'

// Brokers that ask for SASL inside TLS: the client's words go through, and the rules hold whoever it logs in as.

const OWN = 'folio.diku.users.users'
const OTHER = 'folio.diku.orders.orders'
const LOGIN = 'org.apache.kafka.common.security'

const closing: (() => unknown)[] = []
const ending = { teardown: (close: () => unknown) => closing.push(close) }
let started: ReturnType<typeof start> | undefined
test.after.always(async () => {
  for (const close of closing.toReversed()) await close()
})

/** A cluster whose listener behind `bootstrap` asks for SASL, with the users alice (PLAIN) and bob (SCRAM). */
async function start() {
  const [front] = await freePorts(1)
  const kafka = await KafkaCluster.start(ending, {
    front: front!,
    settings: {
      'listener.security.protocol.map': 'SSL:SSL,CONTROLLER:SSL,PLAINTEXT:PLAINTEXT,FRONT:SASL_SSL',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
      'listener.name.front.plain.sasl.jaas.config': `${LOGIN}.plain.PlainLoginModule required user_alice="secret";`,
      'listener.name.front.scram-sha-256.sasl.jaas.config': `${LOGIN}.scram.ScramLoginModule required;`,
    },
  })
  const { behind } = kafka.nodes[0]!
  const server = createServer((client) => {
    const broker = connect(behind, '127.0.0.1')
    client.pipe(broker).pipe(client)
    client.on('error', () => broker.destroy())
    broker.on('error', () => client.destroy())
  }).listen(front, '127.0.0.1')
  await once(server, 'listening')
  ending.teardown(() => server.close())
  for (const topic of [OWN, OTHER]) await kafka.createTopic(topic)
  const user = ['--entity-type', 'users', '--entity-name', 'bob']
  const password = ['--alter', '--add-config', 'SCRAM-SHA-256=[password=secret]']
  await kafka.asSuper('ConfigCommand', [...password, ...user])
  const all = ['--operation', 'All', '--topic', '*', '--group', '*']
  for (const each of ['alice', 'bob']) {
    await kafka.asSuper('AclCommand', ['--add', '--allow-principal', `User:${each}`, ...all])
  }
  return { kafka, bootstrap: `127.0.0.1:${front}` }
}

for (const [mechanism, login, user] of [
  ['PLAIN', 'plain.PlainLoginModule', 'alice'],
  ['SCRAM-SHA-256', 'scram.ScramLoginModule', 'bob'],
] as const) {
  withKafka(
    `${mechanism} above TLS goes through, and the rules hold for who logs in`,
    async (t) => {
      started ??= start()
      const { kafka, bootstrap } = await started
      const sidecar = await KafkaSidecar.start(t, kafka, { bootstrap: [bootstrap] })
      const client = (password: string) =>
        [
          'security.protocol=SASL_PLAINTEXT',
          `sasl.mechanism=${mechanism}`,
          `sasl.jaas.config=${LOGIN}.${login} required username="${user}" password="${password}";`,
        ].flatMap((each) => ['--producer-property', each])
      const write = async (topic: string, password = 'secret') => {
        const place = ['--bootstrap-server', sidecar.bootstrap, '--topic', topic]
        const said = await runKafka('ConsoleProducer', [...place, ...client(password)], {
          input: 'one\n',
        })
        return said.out + said.err
      }
      t.notRegex(await write(OWN), /ERROR|WARN /)
      t.regex(
        await write(OTHER),
        /Not authorized to access topics: \[folio\.diku\.orders\.orders\]/,
      )
      t.regex(
        await write(OWN, 'wrong'),
        /invalid credentials with SASL|Invalid username or password/,
      )
      const file = join(sidecar.directory, '..', 'sidecar.json')
      const check = await typed(['kafka', 'check', '-c', file, '--tenant', 'diku'])
      t.regex(
        check.stdout,
        /the broker closed the connection at Metadata, as one that asks for SASL/,
      )
    },
  )
}
