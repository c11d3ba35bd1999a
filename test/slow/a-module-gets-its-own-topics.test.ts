import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import type { MessageValues } from '../../src/kafka/message.ts'
import { sharedKafka } from '../support/kafka-broker.ts'
import { apiOf } from '../support/kafka-frames.ts'
import { runKafka, withKafka } from '../support/kafka-java.ts'
import { KAFKA_RULES, KafkaSidecar } from '../support/kafka-sidecar.ts'
import { KafkaWire } from '../support/kafka-wire.ts'
import { until } from '../support/patience.ts'
import { makeCa } from '../support/pki.ts'
import { limitHits, metric } from '../support/scenario/metrics.ts'

const cluster = sharedKafka()
const OWN = 'folio.diku.users.users'
const OTHERS = 'folio.diku.consortia.affiliation'

const METADATA = apiOf(3, 9)
const named = (...names: string[]) => ({
  topics: names.map((name) => ({ name })),
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
})
const errorsIn = (answer: MessageValues) =>
  (answer['topics'] as MessageValues[]).map(({ name, error }) => [name, error])

withKafka('records go out and come back through the sidecar, with a group', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic(OWN, 3)
  const sidecar = await KafkaSidecar.start(t, kafka)
  const place = ['--bootstrap-server', sidecar.bootstrap, '--topic', OWN]
  const lines = Array.from({ length: 200 }, (_, i) => `record ${i}`)
  const sent = await runKafka('ConsoleProducer', place, { input: `${lines.join('\n')}\n` })
  t.is(sent.code, 0, sent.err)
  const group = ['--group', 'mod-users-test', '--from-beginning', '--max-messages', '200']
  const got = await runKafka('consumer.ConsoleConsumer', [...place, ...group])
  t.deepEqual(got.out.trimEnd().split('\n').toSorted(), lines.toSorted(), got.err)
  const [broker] = await sidecar.process.say(({ msg }) => msg === 'kafka broker added')
  t.like(broker, { direction: 'kafka', nodeId: 1, broker: kafka.nodes[0]!.address })
  const [line] = await sidecar.process.say(
    ({ msg, why }) => msg === 'kafka connection ended' && !why,
  )
  t.like(line, { direction: 'kafka', clientId: 'console-producer', broker: kafka.bootstrap })
})

withKafka('another topic is refused in the words of Kafka, and told', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic(OTHERS)
  const sidecar = await KafkaSidecar.start(t, kafka)
  const place = ['--bootstrap-server', sidecar.bootstrap, '--topic', OTHERS]
  const { out, err } = await runKafka('ConsoleProducer', place, { input: 'forged\n' })
  t.regex(out + err, /Not authorized to access topics: \[folio\.diku\.consortia\.affiliation\]/)
  const read = await runKafka('consumer.ConsoleConsumer', [
    ...place,
    ...['--from-beginning', '--group', 'mod-users-test'],
  ])
  t.regex(read.out + read.err, /Not authorized to access topics/)
  const [line] = await sidecar.process.say(({ msg }) => msg === 'kafka request refused')
  t.like(line, { direction: 'kafka', api: 'Metadata', topic: OTHERS, reason: 'topic-not-allowed' })
  const series = 'sidecar_refusals_total{direction="kafka",reason="topic-not-allowed"}'
  t.true((await metric(sidecar.process, series)) > 1)
  const status = await fetch(`http://127.0.0.1:${sidecar.process.port('status')}/status.json`)
  t.regex(await status.text(), /no rule is about the topic/)
})

withKafka('of all topics only its own are shown; another’s group is refused', async (t) => {
  const kafka = await cluster()
  await kafka.createTopic('folio.diku.hidden')
  const sidecar = await KafkaSidecar.start(t, kafka)
  const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
  const all = await wire.ask(METADATA, { ...named(), topics: null })
  const names = errorsIn(all).map(([name]) => String(name))
  t.true(names.includes(OWN) && names.every((name) => name.startsWith('folio.diku.users.')))
  const [node] = all['nodes'] as MessageValues[]
  t.is(node!['host'], '127.0.0.1')
  t.not(node!['port'], kafka.nodes[0]!.port)
  const heartbeat = { group: 'mod-orders', generation: 1, memberId: 'm', groupInstanceId: null }
  t.like(await wire.ask(apiOf(12, 4), heartbeat), { error: 30 })
  t.like(await wire.ask(apiOf(12, 4), { ...heartbeat, group: 'mod-users-x' }), { error: 25 })
})

withKafka('only what `create` allows is created, by word or by asking', async (t) => {
  const kafka = await cluster()
  const sidecar = await KafkaSidecar.start(t, kafka)
  const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
  const topic = (name: string) => {
    return { name, partitionCount: 1, replicationFactor: 1, assignments: [], configs: [] }
  }
  const topics = [topic('folio.diku.users.new1'), topic('folio.diku.users.old')]
  const created = await wire.ask(apiOf(19, 5), { topics, timeoutMs: 30_000, validateOnly: false })
  t.deepEqual(errorsIn(created), [
    ['folio.diku.users.old', 29],
    ['folio.diku.users.new1', 0],
  ])
  const [refused] = created['topics'] as MessageValues[]
  t.regex(String(refused!['message']), /no rule lets this module create .*okapi-sidecar: topic-not/)
  const both = ['folio.diku.users.new2', 'folio.diku.users.old2']
  await wire.ask(METADATA, { ...named(...both), allowAutoTopicCreation: true })
  let listed = ''
  await until(async () => {
    listed = (await kafka.asSuper('TopicCommand', ['--list'])).out
    return listed.includes('folio.diku.users.new2')
  })
  t.false(/folio\.diku\.users\.old/.test(listed), listed)
  const deleted = await wire.ask(apiOf(20, 5), { topics: [both[0]], timeoutMs: 30_000 })
  t.deepEqual(errorsIn(deleted), [[both[0], 29]])
})

withKafka(
  'in report mode another topic passes, and what would be refused is in the log',
  async (t) => {
    const kafka = await cluster()
    await kafka.createTopic('folio.diku.reported')
    const sidecar = await KafkaSidecar.start(t, kafka, { mode: 'report' })
    const place = ['--bootstrap-server', sidecar.bootstrap, '--topic', 'folio.diku.reported']
    const sent = await runKafka('ConsoleProducer', place, { input: 'one\n' })
    t.is(sent.code, 0, sent.err)
    const [line] = await sidecar.process.say(
      ({ msg, right }) => msg === 'kafka request would be refused' && right === 'produce',
    )
    t.like(line, { topic: 'folio.diku.reported', wouldDeny: 'topic-not-allowed', api: 'Produce' })
    t.true((await metric(sidecar.process, 'sidecar_would_deny_total{direction="kafka"}')) > 0)
    const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
    t.like(await wire.ask(apiOf(20, 5), { topics: ['x'], timeoutMs: 1000 }), {
      topics: [
        {
          name: 'x',
          error: 29,
          message: 'no rule opens DeleteTopics to this module (okapi-sidecar: api-not-allowed)',
        },
      ],
    })
  },
)

withKafka('changed rules are taken up while connections are open', async (t) => {
  const kafka = await cluster()
  const file = join(kafka.directory, 'rules.yaml')
  writeFileSync(file, JSON.stringify(KAFKA_RULES), { mode: 0o600 })
  const sidecar = await KafkaSidecar.start(t, kafka, { rules: [file] })
  const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
  t.deepEqual(errorsIn(await wire.ask(METADATA, named('folio.diku.none'))), [
    ['folio.diku.none', 29],
  ])
  const more = { caller: 'mod-users', topics: { consume: ['folio.diku.none'] }, why: 'test' }
  writeFileSync(file, JSON.stringify([...KAFKA_RULES, more]))
  await sidecar.process.say(({ msg }) => msg === 'policy loaded')
  t.deepEqual(errorsIn(await wire.ask(METADATA, named('folio.diku.none'))), [
    ['folio.diku.none', 3],
  ])
  writeFileSync(file, '[{caller: mod-users, topics: {consume: ["{x}"]}, why: test}]')
  const [bad] = await sidecar.process.say(({ msg }) => msg === 'new policy refused')
  t.regex(JSON.stringify(bad), /may only have the placeholder/)
  t.deepEqual(errorsIn(await wire.ask(METADATA, named('folio.diku.none'))), [
    ['folio.diku.none', 3],
  ])
})

withKafka(
  'a broker that does not prove its name, or by another authority, is not asked',
  async (t) => {
    const kafka = await cluster()
    const trust = join(kafka.directory, 'another-ca.pem')
    writeFileSync(trust, (await makeCa(undefined, 'another')).certPem, { mode: 0o600 })
    // Of the authority of all modules, at an address that it has in its certificate.
    const uri = ['spiffe://folio.test/module/mod-tags-3.1.0']
    const { keyPem: key, chainPem: cert } = await kafka.ca.issue({ ip: ['127.0.0.1'], uri })
    const impostor = createServer({ key, cert }, (socket) => socket.on('error', () => {}))
    impostor.listen(0, '127.0.0.1')
    await once(impostor, 'listening')
    t.teardown(() => impostor.close())
    const { port } = impostor.address() as AddressInfo
    for (const [more, expected] of [
      [{ bootstrap: [`127.0.0.1:${port}`] }, /it is spiffe:\S+mod-tags-3\.1\.0, not a server/],
      [{ serverName: 'kafka.example.org' }, /was not verified: ERR_TLS_CERT_ALTNAME_INVALID/],
      [{ trust }, /was not verified: UNABLE_TO_VERIFY|SELF_SIGNED/],
    ] as const) {
      const sidecar = await KafkaSidecar.start(t, kafka, more)
      const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
      wire.send(METADATA, named(OWN))
      await wire.end.end()
      t.is(wire.end.unread.length, 0)
      const [line] = await sidecar.process.say(({ msg }) => msg === 'kafka connection refused')
      t.is(line?.['reason'], 'upstream-untrusted')
      t.regex(String(line?.['because']), expected)
    }
  },
)

withKafka(
  'a new certificate ends connections between two requests, a revoked one at once',
  async (t) => {
    const kafka = await cluster()
    const sidecar = await KafkaSidecar.start(t, kafka)
    const old = await KafkaWire.to(t, sidecar.process.port('kafka'))
    await old.ask(METADATA, named(OWN))
    const first = sidecar.leaf
    sidecar.put(await sidecar.issue(kafka.ca), [kafka.ca])
    await old.end.end()
    const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
    t.deepEqual(errorsIn(await wire.ask(METADATA, named(OWN))), [[OWN, 0]])
    t.not(sidecar.leaf, first)
    const revoked = sidecar.leaf
    const crl = await kafka.ca.crl([revoked])
    sidecar.put(await sidecar.issue(kafka.ca), [kafka.ca], [crl])
    await sidecar.process.say(({ msg }) => msg === 'kafka connections cut off')
    await wire.end.end()
  },
)

withKafka('what was asked before a stop is answered', async (t) => {
  const kafka = await cluster()
  const sidecar = await KafkaSidecar.start(t, kafka)
  const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
  const partition = { index: 0, offset: 0n, logStartOffset: -1n, partitionMaxBytes: 1000 }
  const fetching = {
    ...{ replicaId: -1, maxWaitMs: 5000, minBytes: 1_000_000, maxBytes: 2_000_000, isolation: 0 },
    ...{ sessionId: 0, sessionEpoch: -1, rack: '', forgotten: [] },
    topics: [{ name: OWN, partitions: [{ ...partition, currentLeaderEpoch: -1 }] }],
  }
  // There is a connection with the broker by then.
  await wire.ask(METADATA, named(OWN))
  wire.send(apiOf(1, 11), fetching)
  // It has left for the broker, which has nothing to say for seconds, before a later request is answered.
  const later = await KafkaWire.to(t, sidecar.process.port('kafka'))
  await later.ask(METADATA, named(OWN))
  const stopped = sidecar.process.stop()
  t.like(await wire.answer(apiOf(1, 11)), { error: 0 })
  await Promise.all([wire.end.end(), later.end.end()])
  await stopped
})

withKafka('limits.kafka.connections is kept', async (t) => {
  const kafka = await cluster()
  const limits = { kafka: { connections: 1 } }
  const sidecar = await KafkaSidecar.start(t, kafka, {}, { limits })
  const one = await KafkaWire.to(t, sidecar.process.port('kafka'))
  await one.ask(METADATA, named(OWN))
  const other = await KafkaWire.to(t, sidecar.process.port('kafka'))
  other.send(METADATA, named(OWN))
  await other.end.end()
  const [line] = await sidecar.process.say(({ msg }) => msg === 'kafka connection refused')
  t.like(line, { reason: 'overloaded', clientId: 'by hand' })
  t.is(await limitHits(sidecar.process, 'kafka.connections'), 1)
  t.deepEqual(errorsIn(await one.ask(METADATA, named(OWN))), [[OWN, 0]])
})

withKafka(
  'with several threads one has all connections with brokers, and changed rules reach it',
  async (t) => {
    const kafka = await cluster()
    const file = join(kafka.directory, 'rules-of-threads.yaml')
    writeFileSync(file, JSON.stringify(KAFKA_RULES), { mode: 0o600 })
    const sidecar = await KafkaSidecar.start(t, kafka, { rules: [file] }, { workers: 2 })
    for (let i = 0; i < 4; i++) {
      const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
      t.deepEqual(errorsIn(await wire.ask(METADATA, named(OWN))), [[OWN, 0]])
    }
    writeFileSync(file, '[]')
    await sidecar.process.say(({ msg }) => msg === 'policy loaded')
    const wire = await KafkaWire.to(t, sidecar.process.port('kafka'))
    t.deepEqual(errorsIn(await wire.ask(METADATA, named(OWN))), [[OWN, 29]])
  },
)
