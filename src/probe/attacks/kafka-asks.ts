import type { KafkaAtHand } from '../context.ts'
import { int16, int32, type KafkaAsk, list, text } from '../kafka-talk.ts'

/** Requests of a module that must be refused. */
export interface KafkaAskRow {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly judged?: string
  readonly remedy: string
  ask(kafka: KafkaAtHand, tenant: string): KafkaAsk
}

export const PASSED = 'The answer has no AUTHORIZATION_FAILED: the request was allowed.'
const LIST_TOPICS =
  'List the topics of the module, in `kafka.rules` and in the ACLs of the brokers.'
const TIMEOUT_MS = 3000
/** No installation has it; a broker that would execute the request answers with an error about the name. */
const NO_TOPIC = 'okapi-sidecar-probe'

const consortium = ({ env }: KafkaAtHand, tenant: string) =>
  `${env}.Default.${tenant}.CONSORTIUM_PRIMARY_AFFILIATION_CREATED`
const users = ({ env }: KafkaAtHand, tenant: string) => `${env}.${tenant}.users.users`

/** One partition of one topic. */
const inTopic = (topic: string, partition: Buffer) =>
  list(Buffer.concat([text(topic), list(Buffer.concat([int32(0), partition]))]))

/** A batch of records with a wrong checksum: a broker that allows the write checks it, and writes nothing. */
const BROKEN_BATCH = Buffer.alloc(61)
BROKEN_BATCH.writeInt32BE(49, 8)
BROKEN_BATCH[16] = 2

function produce(topic: string): KafkaAsk {
  const records = Buffer.concat([int32(BROKEN_BATCH.length), BROKEN_BATCH])
  return {
    api: 'Produce',
    version: 3,
    body: Buffer.concat([text(null), int16(1), int32(TIMEOUT_MS), inTopic(topic, records)]),
    errorIn: (answer) => {
      answer.int32()
      answer.text()
      return answer.skip(8).int16()
    },
  }
}

function fetch(topic: string): KafkaAsk {
  const partition = Buffer.concat([Buffer.alloc(8), int32(1)])
  const limits = [int32(-1), int32(0), int32(0), int32(1), Buffer.of(0)]
  return {
    api: 'Fetch',
    version: 4,
    body: Buffer.concat([...limits, inTopic(topic, partition)]),
    errorIn: (answer) => {
      answer.skip(8).text()
      return answer.skip(8).int16()
    },
  }
}

/** Reads the error code after the first name in an answer. */
const behindName: KafkaAsk['errorIn'] = (answer) => {
  answer.skip(8).text()
  return answer.int16()
}

/** Requests that are answered with an AUTHORIZATION_FAILED if the module is not allowed to make them. */
export const KAFKA_ASKS: readonly KafkaAskRow[] = [
  {
    id: 'kafka-acls',
    title: 'a question for the ACLs of all modules',
    meaning: 'A module learns what others may do, and may next ask to change it.',
    remedy:
      'Grant APIs of administration to the modules that need one; keep `Describe` on the cluster.',
    ask: () => ({
      api: 'DescribeAcls',
      version: 1,
      body: Buffer.concat([
        Buffer.of(1),
        text(null),
        Buffer.of(1),
        text(null),
        text(null),
        Buffer.of(1, 1),
      ]),
      errorIn: (answer) => answer.skip(4).int16(),
    }),
  },
  {
    id: 'kafka-alter-configs',
    title: 'other settings for another’s topic',
    meaning: 'A module makes records of others vanish, by a short retention.',
    judged: `${PASSED} It is asked for as a trial only (validate_only).`,
    remedy: 'Grant APIs of administration to the modules that need one.',
    ask: (kafka, tenant) => ({
      api: 'IncrementalAlterConfigs',
      version: 0,
      body: Buffer.concat([
        list(
          Buffer.concat([
            Buffer.of(2),
            text(users(kafka, tenant)),
            list(Buffer.concat([text('retention.ms'), Buffer.of(0), text('1')])),
          ]),
        ),
        Buffer.of(1),
      ]),
      errorIn: (answer) => answer.skip(8).int16(),
    }),
  },
  {
    id: 'kafka-consortium',
    title: 'a spoofed message of the consortium',
    meaning:
      'mod-users takes a spoofed message for its consortium’s and gives a user another tenant.',
    judged: `${PASSED} The batch of records is broken on purpose, so that none is written.`,
    remedy: LIST_TOPICS,
    ask: consortiumWord,
  },
  {
    id: 'kafka-create',
    title: 'a new topic',
    meaning: 'A module fills the brokers with topics, or makes one before its owner does.',
    judged: `${PASSED} It is asked for as a trial only (validate_only).`,
    remedy: 'Say under `create` which topics a module makes; auto.create.topics.enable=false.',
    ask: () => ({
      api: 'CreateTopics',
      version: 2,
      body: Buffer.concat([
        list(Buffer.concat([text(NO_TOPIC), int32(1), int16(1), list(), list()])),
        int32(TIMEOUT_MS),
        Buffer.of(1),
      ]),
      errorIn: behindName,
    }),
  },
  {
    id: 'kafka-delete',
    title: 'the deletion of a topic',
    meaning: 'A module deletes the records of another, of every tenant.',
    judged: `${PASSED} The topic does not exist.`,
    remedy: 'Grant DeleteTopics to the modules that clean up after a tenant, for their own topics.',
    ask: () => ({
      api: 'DeleteTopics',
      version: 1,
      body: Buffer.concat([list(text(NO_TOPIC)), int32(TIMEOUT_MS)]),
      errorIn: behindName,
    }),
  },
  {
    id: 'kafka-group',
    title: 'another module’s consumer group',
    meaning: 'A module takes partitions away from a consumer, and moves its offsets.',
    remedy: 'List the groups of the module, in `kafka.rules` and in the ACLs of the brokers.',
    ask: ({ env }) => ({
      api: 'FindCoordinator',
      version: 1,
      body: Buffer.concat([text(`${env}-mod-search-events-group`), Buffer.of(0)]),
      errorIn: (answer) => answer.skip(4).int16(),
    }),
  },
  {
    id: 'kafka-read',
    title: 'records of another module',
    meaning: 'A module reads what others say of users, loans and fines.',
    remedy: LIST_TOPICS,
    ask: (kafka, tenant) => fetch(users(kafka, tenant)),
  },
  {
    id: 'kafka-read-tenant',
    title: 'records of another tenant',
    meaning: 'A module reads the records of a tenant that it is not for.',
    remedy: 'List tenants under `kafka.tenants` where a module is for some alone.',
    ask: (kafka) => fetch(users(kafka, kafka.otherTenant)),
  },
  {
    id: 'kafka-unlisted-api',
    title: 'an API that no module needs',
    meaning:
      'A module reaches what the proxy does not understand, here the salts of SCRAM passwords.',
    remedy: 'Let through only the APIs and versions that the proxy decodes.',
    ask: () => ({
      api: 'DescribeUserScramCredentials',
      version: 0,
      body: Buffer.of(0, 0),
      flexible: true,
      errorIn: (answer) => answer.skip(5).int16(),
    }),
  },
]

/** A message that mod-users would accept as one of its consortium. */
export function consortiumWord(kafka: KafkaAtHand, tenant: string): KafkaAsk {
  return produce(consortium(kafka, tenant))
}

/** The first request of every client, for no topic. */
export function metadata(): KafkaAsk {
  return {
    api: 'Metadata',
    version: 4,
    body: Buffer.concat([list(), Buffer.of(0)]),
    errorIn: (answer) => (answer.skip(4).int32() > 0 ? 0 : -1),
  }
}
