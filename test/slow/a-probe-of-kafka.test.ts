import { once } from 'node:events'
import { createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { KAFKA_ATTACKS } from '../../src/probe/attacks/kafka.ts'
import { control } from '../../src/probe/control.ts'
import { prepareKafka } from '../../src/probe/prepare-backend.ts'
import { sharedKafka } from '../support/kafka-broker.ts'
import { withKafka } from '../support/kafka-java.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'
import { typed } from '../support/typed.ts'

const open = sharedKafka({ open: true })
const guarded = sharedKafka()
const TAGS_HAS_ITS_OWN = { caller: 'mod-users', groups: ['mod-users-*'], why: 'test' }

/** A broker that has just started may take long for its first answers. */
const PATIENT_MS = 60_000
const SILENT_MS = 5000

async function outcomes(port: number, broker = port, credentials?: string, timeoutMs = PATIENT_MS) {
  const at = (number: number) => ({ host: '127.0.0.1', port: number, tls: false })
  const given = { endpoint: at(port), broker: at(broker), tenant: 'diku', env: 'folio' }
  const { context } = await prepareKafka(
    { ...given, timeoutMs, ...(credentials && { credentials }) },
    new AbortController().signal,
  )
  const found = await Promise.all(
    KAFKA_ATTACKS.map(async (attack) => [attack.id, await attack.run(context)] as const),
  )
  return { control: await control(context), found: Object.fromEntries(found) }
}

/** What Kafka itself refuses, whoever asks. */
const REFUSED_BY_ALL = ['kafka-frame-2gb', 'kafka-frame-negative', 'kafka-frame-short']

withKafka('at a Kafka as FOLIO has it the attacks get through', async (t) => {
  const { nodes } = await open()
  const port = nodes[0]!.plain
  const { control: ordinary, found } = await outcomes(port)
  t.true(ordinary.let, ordinary.because)
  for (const { id, needs = [] } of KAFKA_ATTACKS) {
    if (needs.includes('credentials')) continue
    const expected = REFUSED_BY_ALL.includes(id) ? 'blocked' : 'got-through'
    const { outcome, because, evidence } = found[id]!
    t.is(outcome, expected, `${id}: ${because}\n${evidence.received}`)
  }
})

withKafka('nothing was changed at a Kafka that the attacks got through at', async (t) => {
  const kafka = await open()
  await outcomes(kafka.nodes[0]!.plain)
  const { out } = await kafka.asSuper('TopicCommand', ['--list'])
  t.false(out.includes('okapi-sidecar-probe'), out)
})

withKafka('through a sidecar every attack is blocked', async (t) => {
  const kafka = await guarded()
  await kafka.createTopic('folio.diku.users.users')
  const sidecar = await KafkaSidecar.start(t, kafka, { rules: [TAGS_HAS_ITS_OWN] })
  const [node] = kafka.nodes
  const { control: ordinary, found } = await outcomes(
    sidecar.process.port('kafka'),
    node!.port,
    sidecar.directory,
  )
  t.true(ordinary.let, ordinary.because)
  for (const { id } of KAFKA_ATTACKS) {
    // This broker lets the module do everything: with its key alone it is not held back.
    const expected = id === 'kafka-broker-consortium' ? 'got-through' : 'blocked'
    t.is(found[id]?.outcome, expected, `${id}: ${found[id]?.because}`)
  }
  t.is(found['kafka-consortium']?.because, 'refused with TOPIC_AUTHORIZATION_FAILED (29)')
  t.is(found['kafka-group']?.because, 'refused with GROUP_AUTHORIZATION_FAILED (30)')
  await sidecar.process.say(
    ({ msg, topic }) =>
      msg === 'kafka request refused' &&
      topic === 'folio.Default.diku.CONSORTIUM_PRIMARY_AFFILIATION_CREATED',
  )
})

withKafka('a sidecar that only reports lets other topics through, and nothing else', async (t) => {
  const kafka = await guarded()
  const sidecar = await KafkaSidecar.start(t, kafka, { rules: [TAGS_HAS_ITS_OWN], mode: 'report' })
  const { found } = await outcomes(sidecar.process.port('kafka'))
  const through = [
    'kafka-consortium',
    'kafka-create',
    'kafka-group',
    'kafka-read',
    'kafka-read-tenant',
  ]
  for (const { id, needs = [] } of KAFKA_ATTACKS) {
    if (needs.includes('kafka-broker')) continue
    const expected = through.includes(id) ? 'got-through' : 'blocked'
    t.is(found[id]?.outcome, expected, `${id}: ${found[id]?.because}`)
  }
})

test('no answer, or other bytes, gives no verdict', async (t) => {
  const silent = await server(t, '')
  const odd = await server(t, 'HTTP/1.1 400 Bad Request\r\n\r\n')
  const { found } = await outcomes(odd, silent, undefined, SILENT_MS)
  t.is(found['kafka-read']?.outcome, 'inconclusive')
  t.is(found['kafka-read']?.because, 'what came back is no answer of Kafka')
  // That the broker does not answer is what is wished for.
  t.is(found['kafka-broker-plain']?.outcome, 'blocked')
})

test('a server that waits for 2 GB lets the frame through', async (t) => {
  const { found } = await outcomes(await server(t, ''), undefined, undefined, SILENT_MS)
  t.is(found['kafka-frame-2gb']?.outcome, 'got-through')
  t.is(found['kafka-read']?.outcome, 'inconclusive')
})

for (const [why, argv] of [
  ['two backends', ['--kafka', 'a:1', '--postgres', 'b:1']],
  ['a broker without Kafka', ['--kafka-broker', 'a:1']],
  ['an environment without Kafka', ['https://a:1', '--env', 'x']],
  ['a URL', ['--kafka', 'kafka://a:1']],
  ['a target beside it', ['https://a:1', '--kafka', 'a:1']],
  ['the credentials of two', ['--kafka', 'a:1', '--credentials', 'a', '--credentials', 'b']],
] as const) {
  test(`wrong usage is 2: ${why}`, async (t) => {
    t.is((await typed(['probe', ...argv])).code, 2)
  })
}

async function server(t: ExecutionContext, says: string): Promise<number> {
  const listening = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', () => {
      if (says !== '') socket.end(says)
    })
    t.teardown(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  t.teardown(() => listening.close())
  const address = listening.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
