import type { Attack } from '../attack.ts'
import type { Context, KafkaAtHand } from '../context.ts'
import type { DialTarget } from '../dial.ts'
import { type AttackFinding, blocked, gotThrough, inconclusive, notTried } from '../finding.ts'
import { framed, KafkaConnection, type KafkaEnd, requestBytes, text } from '../kafka-talk.ts'
import { consortiumWord, KAFKA_ASKS, metadata, PASSED } from './kafka-asks.ts'

const fromRows: readonly Attack[] = KAFKA_ASKS.map(({ ask, ...row }) => ({
  judged: PASSED,
  ...row,
  group: 'kafka',
  needs: ['kafka'],
  run: (context) =>
    atKafka(context, async (connection, kafka) =>
      judged(await connection.ask(ask(kafka, context.tenant))),
    ),
}))

/** Malformed frames that must not be accepted. */
const FRAMES: readonly (Pick<Attack, 'id' | 'title' | 'meaning' | 'remedy'> & {
  readonly bytes: Buffer
})[] = [
  {
    id: 'kafka-frame-2gb',
    title: 'a frame of 2 GB',
    meaning: 'One module makes the proxy hold memory until it dies.',
    remedy: 'Refuse frames above a limit by their length alone.',
    bytes: framed(requestBytes(metadata()), 0x7fffffff),
  },
  {
    id: 'kafka-frame-negative',
    title: 'a frame of negative length',
    meaning: 'Reader and broker disagree about where the next request begins.',
    remedy: 'Refuse negative lengths.',
    bytes: framed(requestBytes(metadata()), -1),
  },
  {
    id: 'kafka-frame-short',
    title: 'a request longer than its frame',
    meaning: 'Fields reach into the next request, and the two readers see different topics.',
    remedy: 'Refuse a request whose fields do not end where its frame does.',
    bytes: framed(requestBytes(metadata()).subarray(0, -3)),
  },
]

const fromFrames: readonly Attack[] = FRAMES.map(({ bytes, ...row }) => ({
  ...row,
  group: 'kafka',
  judged: 'The connection stays open, or the request is answered.',
  needs: ['kafka'],
  run: (context) =>
    atKafka(context, async (connection) => {
      connection.write(bytes)
      return cutOff(connection, await connection.answer(() => 0))
    }),
}))

/** Bytes after the last field of the version. Kafka's own parser ignores them. */
const bytesAfter: Attack = {
  id: 'kafka-bytes-after',
  group: 'kafka',
  title: 'bytes behind the end of a request',
  meaning: 'What one reader leaves unread another may take for a topic.',
  judged: 'The request is answered.',
  remedy: 'Refuse a request whose fields do not end where its frame does.',
  needs: ['kafka'],
  run: (context) =>
    atKafka(context, async (connection) => {
      connection.write(framed(Buffer.concat([requestBytes(metadata()), text('more')])))
      return cutOff(connection, await connection.answer(() => 0))
    }),
}

/** The broker’s own port, past the sidecar. */
const brokerPlain: Attack = {
  id: 'kafka-broker-plain',
  group: 'kafka',
  title: 'the broker itself, plain',
  meaning: 'A module goes past its sidecar, and the brokers cannot tell which module it is.',
  judged: 'The broker answers without TLS.',
  remedy: 'Have only TLS listeners with ssl.client.auth=required; close them to all but sidecars.',
  needs: ['kafka', 'kafka-broker'],
  run: (context) =>
    atKafka(
      context,
      async (connection) => atBroker(await connection.ask(metadata())),
      context.kafka?.broker,
    ),
}

/** The same consortium message, past the sidecar: tests what the brokers themselves enforce. */
const brokerConsortium: Attack = {
  id: 'kafka-broker-consortium',
  group: 'kafka',
  title: 'a spoofed message, past the sidecar',
  meaning: 'With the stolen key of a module an attacker needs no sidecar to speak as another.',
  judged: `${PASSED} The batch of records is broken on purpose, so that none is written.`,
  remedy: '`okapi-sidecar kafka acls` prints the rules as ACLs of the brokers.',
  needs: ['kafka', 'kafka-broker', 'credentials'],
  run: (context) =>
    atKafka(
      context,
      async (connection, kafka) => {
        connection.encrypt()
        return atBroker(await connection.ask(consortiumWord(kafka, context.tenant)))
      },
      context.kafka?.broker,
    ),
}

/** At Kafka: through the sidecar of the hijacked module, or past it. */
export const KAFKA_ATTACKS: readonly Attack[] = [
  ...fromRows,
  ...fromFrames,
  bytesAfter,
  brokerPlain,
  brokerConsortium,
]

/** The first request of every Kafka client, which must be answered. */
export async function ordinaryMetadata(context: Context): Promise<AttackFinding> {
  return atKafka(context, async (connection) => judged(await connection.ask(metadata())))
}

type Judged = Omit<AttackFinding, 'evidence'>

async function atKafka(
  context: Context,
  judge: (connection: KafkaConnection, kafka: KafkaAtHand) => Promise<Judged>,
  endpoint?: DialTarget,
): Promise<AttackFinding> {
  const { kafka } = context
  if (kafka === undefined) return notTried('there is no Kafka')
  const connection = new KafkaConnection(context, endpoint)
  try {
    const finding = await judge(connection, kafka)
    return { ...finding, evidence: connection.evidence() }
  } finally {
    connection.close()
  }
}

/** Errors with which brokers and sidecars refuse (org.apache.kafka.common.protocol.Errors). */
const REFUSING: Readonly<Record<number, string>> = {
  29: 'TOPIC_AUTHORIZATION_FAILED',
  30: 'GROUP_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  35: 'UNSUPPORTED_VERSION',
  53: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  58: 'SASL_AUTHENTICATION_FAILED',
}
/** UNKNOWN_SERVER_ERROR, REQUEST_TIMED_OUT, BROKER_NOT_AVAILABLE: they do not show whether it is allowed. */
const NOT_UP = new Set([-1, 7, 8])

function judged(end: KafkaEnd): Judged {
  if (end.kind === 'odd') return inconclusive('what came back is no answer of Kafka')
  if (end.kind === 'ended') {
    if (end.how === 'closed') return blocked(null, 'the connection was closed without an answer')
    return inconclusive(end.how === 'refused' ? 'nothing listens there' : 'no answer came in time')
  }
  const { error } = end
  const refused = REFUSING[error]
  if (refused !== undefined) return blocked(null, `refused with ${refused} (${error})`)
  if (NOT_UP.has(error))
    return inconclusive(`answered with error ${error}: what is behind is not up`)
  return gotThrough(error === 0 ? 'answered without an error' : `answered with error ${error}`)
}

/** The verdict for bytes that must end the connection. */
async function cutOff(connection: KafkaConnection, end: KafkaEnd): Promise<Judged> {
  if (end.kind === 'answer') return gotThrough('it was answered')
  const how = end.kind === 'ended' ? end.how : await connection.closed()
  if (how === 'refused') return inconclusive('nothing listens there')
  return how === 'closed'
    ? blocked(null, 'the connection was closed without an answer')
    : gotThrough('the connection stays open for the rest')
}

/** Nothing reachable is the desired result. */
function atBroker(end: KafkaEnd): Judged {
  if (end.kind === 'answer') return judged(end)
  return blocked(null, `no answer of Kafka (${end.kind === 'ended' ? end.how : 'other bytes'})`)
}
