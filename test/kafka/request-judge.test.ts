import test from 'ava'
import { ADMIN_APIS } from '../../src/kafka/rules.ts'
import { apiOf, type Given } from '../support/kafka-frames.ts'
import { PlayedSession, rulesFor } from '../support/kafka-session.ts'

const RULES = [
  {
    topics: { produce: ['may', 'p'], consume: ['may', 'c'], create: ['may', 'n'] },
    groups: ['g', 'g2'],
    transactions: ['t'],
  },
]
const ADMIN = ['DeleteTopics', 'DeleteRecords', 'CreatePartitions', 'AlterConfigs'] as const

interface Case {
  readonly key: number
  readonly versions: readonly number[]
  readonly given: Given
  /** What the broker is still asked; undefined: nothing. */
  readonly asked?: Given
  /** What the broker answers to that. */
  readonly answer?: Given
  /** What the client is told, by both. */
  readonly told: Given
  readonly admin?: readonly string[]
}

const partition = (index: number, more: Given = {}) => ({ index, ...more })
const two = (fields: Given = {}) => [partition(0, fields), partition(3, fields)]
const topics = [
  { name: 'may', partitions: two() },
  { name: 'other', partitions: two() },
]
const kept = [{ name: 'may' }]
const answered = [{ name: 'may', partitions: two({ error: 0 }) }]
const both = [{ name: 'other', partitions: two({ error: 29 }) }, ...answered]
const numbered = [
  { name: 'may', partitions: [1, 2] },
  { name: 'other', partitions: [4] },
]
const only = (name: string) => [{ name, partitions: two() }]

const CASES: Readonly<Record<string, Case>> = {
  'Produce, one topic of two': {
    ...{ key: 0, versions: [3, 8, 9, 12] },
    given: { acks: -1, transaction: null, topics },
    ...{ asked: { topics: kept }, answer: { topics: answered, nodes: [] }, told: { topics: both } },
  },
  'Produce, only what may be consumed': {
    ...{ key: 0, versions: [3, 8, 9, 12] },
    given: { acks: 1, transaction: null, topics: only('c') },
    told: { topics: [{ name: 'c', partitions: two({ error: 29 }) }] },
  },
  'Produce, another’s transactional id': {
    ...{ key: 0, versions: [3, 9, 12] },
    given: { acks: -1, transaction: 'other', topics: only('may') },
    told: { topics: [{ name: 'may', partitions: two({ error: 53 }) }] },
  },
  ListOffsets: {
    ...{ key: 2, versions: [1, 5, 6, 10] },
    given: { topics: [...topics, ...only('p')] },
    ...{ asked: { topics: kept }, answer: { topics: answered } },
    told: {
      topics: [both[0], { name: 'p', partitions: two({ error: 29 }) }, ...answered],
    },
  },
  OffsetForLeaderEpoch: {
    ...{ key: 23, versions: [2, 3, 4] },
    given: { topics },
    ...{ asked: { topics: kept }, answer: { topics: answered }, told: { topics: both } },
  },
  'OffsetCommit, one topic of two': {
    ...{ key: 8, versions: [2, 7, 8, 9] },
    given: { group: 'g', topics },
    ...{ asked: { topics: kept }, answer: { topics: answered }, told: { topics: both } },
  },
  'OffsetCommit, another group': {
    ...{ key: 8, versions: [2, 7, 8, 9] },
    given: { group: 'other', topics },
    told: {
      topics: topics.map(({ name }) => ({ name, partitions: two({ error: 30 }) })),
    },
  },
  'OffsetFetch of one group, one topic of two': {
    ...{ key: 9, versions: [1, 5, 6, 7] },
    given: { group: 'g', topics: numbered },
    asked: { topics: kept },
    answer: { topics: [{ name: 'may', partitions: [partition(1, { error: 0 })] }], error: 0 },
    told: {
      topics: [
        { name: 'other', partitions: [partition(4, { error: 29, offset: -1n })] },
        { name: 'may', partitions: [partition(1)] },
      ],
    },
  },
  'OffsetFetch of one group, all topics': {
    ...{ key: 9, versions: [2, 7] },
    given: { group: 'g', topics: null },
    asked: { topics: null },
    answer: { topics: [...answered, ...only('other')], error: 0 },
    told: { topics: answered },
  },
  'OffsetFetch of another group': {
    ...{ key: 9, versions: [2, 5, 6, 7] },
    given: { group: 'other', topics: null },
    told: { error: 30, topics: [] },
  },
  'OffsetFetch of several groups': {
    ...{ key: 9, versions: [8, 9] },
    given: {
      groups: [
        { group: 'other', topics: numbered },
        { group: 'g', topics: numbered },
        { group: 'g2', topics: null },
      ],
    },
    asked: {
      groups: [
        { group: 'g', topics: kept },
        { group: 'g2', topics: null },
      ],
    },
    answer: {
      groups: [
        { group: 'g2', topics: only('other'), error: 0 },
        { group: 'g', topics: [{ name: 'may', partitions: [partition(1)] }], error: 0 },
      ],
    },
    told: {
      groups: [
        { group: 'other', error: 30, topics: [] },
        { group: 'g2', error: 0, topics: [] },
        {
          group: 'g',
          topics: [
            { name: 'other', partitions: [partition(4, { error: 29 })] },
            { name: 'may', partitions: [partition(1)] },
          ],
        },
      ],
    },
  },
  'FindCoordinator of a group': {
    ...{ key: 10, versions: [1, 3] },
    given: { key: 'other', keyType: 0 },
    told: { error: 30, nodeId: -1, host: '', port: -1 },
  },
  'FindCoordinator of a transaction, before it had a kind it is a group': {
    ...{ key: 10, versions: [0] },
    given: { key: 't' },
    told: { error: 30 },
  },
  'FindCoordinator of a transaction': {
    ...{ key: 10, versions: [1, 3] },
    given: { key: 'g', keyType: 1 },
    told: { error: 53 },
  },
  'FindCoordinator of several': {
    ...{ key: 10, versions: [4, 5] },
    given: { keys: ['g', 'other'], keyType: 0 },
    asked: { keys: ['g'] },
    answer: { coordinators: [{ key: 'g', nodeId: 1, host: 'kafka', port: 9093, error: 0 }] },
    told: {
      coordinators: [
        { key: 'other', error: 30, host: '' },
        { key: 'g', host: '127.0.0.1', port: 40_001 },
      ],
    },
  },
  JoinGroup: { key: 11, versions: [0, 5, 6, 9], given: { group: 'other' }, told: { error: 30 } },
  Heartbeat: { key: 12, versions: [0, 3, 4], given: { group: 'other' }, told: { error: 30 } },
  LeaveGroup: { key: 13, versions: [0, 3, 4, 5], given: { group: 'other' }, told: { error: 30 } },
  SyncGroup: { key: 14, versions: [0, 3, 4, 5], given: { group: 'other' }, told: { error: 30 } },
  DescribeGroups: {
    ...{ key: 15, versions: [0, 4, 5] },
    given: { groups: ['other', 'g'] },
    ...{ asked: { groups: ['g'] }, answer: { groups: [{ group: 'g', error: 0 }] } },
    told: {
      groups: [
        { group: 'other', error: 30 },
        { group: 'g', error: 0 },
      ],
    },
  },
  'ListGroups shows its own': {
    ...{ key: 16, versions: [0, 2, 3, 5] },
    ...{ given: {}, asked: {} },
    answer: { error: 0, groups: [{ group: 'g' }, { group: 'other' }, { group: 'g2' }] },
    told: { groups: [{ group: 'g' }, { group: 'g2' }] },
  },
  InitProducerId: {
    ...{ key: 22, versions: [0, 2, 5] },
    ...{ given: { transaction: 'other' }, told: { error: 53, producerId: -1n } },
  },
  'AddPartitionsToTxn stops as a whole': {
    ...{ key: 24, versions: [0, 2, 3] },
    given: { transaction: 't', topics: numbered },
    told: {
      topics: [
        { name: 'other', partitions: [partition(4, { error: 29 })] },
        { name: 'may', partitions: [partition(1, { error: 55 }), partition(2, { error: 55 })] },
      ],
    },
  },
  'AddPartitionsToTxn of another': {
    ...{ key: 24, versions: [0, 3] },
    given: { transaction: 'other', topics: [numbered[0]] },
    told: {
      topics: [
        { name: 'may', partitions: [partition(1, { error: 53 }), partition(2, { error: 53 })] },
      ],
    },
  },
  'AddOffsetsToTxn of another': {
    ...{ key: 25, versions: [0, 3, 4] },
    ...{ given: { transaction: 'other', group: 'g' }, told: { error: 53 } },
  },
  'AddOffsetsToTxn for another group': {
    ...{ key: 25, versions: [0, 3, 4] },
    ...{ given: { transaction: 't', group: 'other' }, told: { error: 30 } },
  },
  EndTxn: { key: 26, versions: [0, 3, 5], given: { transaction: 'x' }, told: { error: 53 } },
  'TxnOffsetCommit, one topic of two': {
    ...{ key: 28, versions: [0, 2, 3, 5] },
    given: { transaction: 't', group: 'g', topics },
    ...{ asked: { topics: kept }, answer: { topics: answered }, told: { topics: both } },
  },
  'TxnOffsetCommit for another group': {
    ...{ key: 28, versions: [0, 3] },
    given: { transaction: 't', group: 'other', topics: only('may') },
    told: { topics: [{ name: 'may', partitions: two({ error: 30 }) }] },
  },
  'CreateTopics, one of two': {
    ...{ key: 19, versions: [2, 4, 5, 7] },
    given: { topics: [{ name: 'n' }, { name: 'p' }] },
    asked: { topics: [{ name: 'n' }] },
    answer: { topics: [{ name: 'n', error: 0 }] },
    told: {
      topics: [
        { name: 'p', error: 29 },
        { name: 'n', error: 0 },
      ],
    },
  },
  'DeleteTopics without a rule': {
    ...{ key: 20, versions: [1, 4, 5] },
    ...{ given: { topics: ['may'] }, told: { topics: [{ name: 'may', error: 29 }] } },
  },
  'DeleteTopics with a rule: what it may create': {
    ...{ key: 20, versions: [1, 4, 5], admin: ADMIN },
    given: { topics: ['p', 'n'] },
    ...{ asked: { topics: ['n'] }, answer: { topics: [{ name: 'n', error: 0 }] } },
    told: {
      topics: [
        { name: 'p', error: 29 },
        { name: 'n', error: 0 },
      ],
    },
  },
  'DeleteRecords with a rule: what it may create': {
    ...{ key: 21, versions: [0, 1, 2], admin: ADMIN },
    given: { topics },
    ...{ asked: { topics: kept }, answer: { topics: answered }, told: { topics: both } },
  },
  'CreatePartitions without a rule': {
    ...{ key: 37, versions: [0, 2, 3] },
    ...{ given: { topics: [{ name: 'may' }] }, told: { topics: [{ name: 'may', error: 29 }] } },
  },
  DescribeAcls: { key: 29, versions: [1, 2, 3], given: {}, told: { error: 31 } },
  CreateAcls: {
    ...{ key: 30, versions: [1, 3] },
    ...{ given: { acls: [{}, {}] }, told: { acls: [{ error: 31 }, { error: 31 }] } },
  },
  DeleteAcls: {
    ...{ key: 31, versions: [1, 3] },
    ...{ given: { acls: [{}] }, told: { acls: [{ error: 31 }] } },
  },
  'DescribeConfigs of topics and of a broker': {
    ...{ key: 32, versions: [1, 3, 4] },
    given: {
      resources: [
        { resourceType: 2, resourceName: 'p' },
        { resourceType: 2, resourceName: 'other' },
        { resourceType: 4, resourceName: '1' },
      ],
    },
    asked: { resources: [{ resourceName: 'p' }] },
    answer: { resources: [{ error: 0, resourceType: 2, resourceName: 'p' }] },
    told: {
      resources: [
        { error: 29, resourceType: 2, resourceName: 'other' },
        { error: 31, resourceType: 4, resourceName: '1' },
        { error: 0, resourceName: 'p' },
      ],
    },
  },
  'AlterConfigs with a rule: topics that it may create': {
    ...{ key: 33, versions: [0, 2], admin: ADMIN },
    given: {
      resources: [
        { resourceType: 2, resourceName: 'n' },
        { resourceType: 2, resourceName: 'p' },
      ],
    },
    asked: { resources: [{ resourceName: 'n' }] },
    answer: { resources: [{ error: 0, resourceName: 'n' }] },
    told: {
      resources: [
        { error: 29, resourceName: 'p' },
        { error: 0, resourceName: 'n' },
      ],
    },
  },
  DeleteGroups: {
    ...{ key: 42, versions: [0, 1, 2] },
    ...{ given: { groups: ['g'] }, told: { groups: [{ group: 'g', error: 30 }] } },
  },
  OffsetDelete: {
    ...{ key: 47, versions: [0] },
    ...{ given: { group: 'g', topics }, told: { error: 30, topics: [] } },
  },
}

for (const [title, each] of Object.entries(CASES)) {
  test(title, async (t) => {
    const rules = [...RULES, ...(each.admin ? [{ admin: each.admin }] : [])]
    const session = await PlayedSession.open(t, { rules: rulesFor(rules) })
    for (const version of each.versions) {
      const api = apiOf(each.key, version)
      session.ask(api, each.given)
      if (each.asked !== undefined) {
        t.is(difference(await session.asked(api), each.asked, ''), '')
        session.answer(api, each.answer ?? {})
      }
      t.is(difference(await session.answered(api), each.told, ''), '')
    }
    t.is(session.broker.isQuiet, true)
    if (title !== 'ListGroups shows its own' && !title.endsWith('all topics')) {
      t.true(session.denied.length >= each.versions.length)
    }
    t.deepEqual(session.refused, [])
  })

  test(`${title}: passes where everything is allowed, and in report mode says what would be`, async (t) => {
    const all = ['*']
    const topicRights = { produce: all, consume: all, create: all }
    const open = { topics: topicRights, groups: all, transactions: all }
    const admin = [{ admin: ADMIN_APIS }]
    for (const rules of [rulesFor([open, ...admin]), rulesFor([...RULES, ...admin], 'report')]) {
      const session = await PlayedSession.open(t, { rules })
      for (const version of each.versions) {
        const api = apiOf(each.key, version)
        const sent = session.ask(api, each.given)
        t.deepEqual(await session.broker.frame(), sent)
        session.answer(api, { topics: [], nodes: [], coordinators: [], host: '' })
        await session.client.frame()
      }
      t.deepEqual(session.denied, [])
      t.is(rules.mode === 'enforce' && session.wouldDeny.length > 0, false)
    }
  })
}

test('configurations of anything but topics are changed by no rule', async (t) => {
  const rules = rulesFor([{ topics: { create: ['*'] }, groups: ['*'], admin: ADMIN_APIS }])
  const session = await PlayedSession.open(t, { rules })
  for (const [key, version] of [
    [33, 0],
    [33, 2],
    [44, 0],
    [44, 1],
  ] as const) {
    for (const resourceType of [0, 4, 8, 16, 32]) {
      const api = apiOf(key, version)
      session.ask(api, { resources: [{ resourceType, resourceName: '1' }] })
      const told = { resources: [{ error: 31, resourceType, resourceName: '1' }] }
      t.is(difference(await session.answered(api), told, ''), '')
    }
  }
  t.is(session.broker.unread.length, 0)
})

/** Every field that is expected, in arrays of the same length; '' where all is so. */
function difference(actual: unknown, expected: unknown, at: string): string {
  const opened =
    typeof actual === 'object' &&
    actual !== null &&
    'read' in actual &&
    typeof actual.read === 'function'
      ? actual.read()
      : actual
  if (Array.isArray(expected)) {
    if (!Array.isArray(opened)) return `${at}: ${String(opened)} is no list`
    if (opened.length !== expected.length) {
      return `${at}: ${opened.length} elements, not ${expected.length}`
    }
    return expected.map((each, i) => difference(opened[i], each, `${at}/${i}`)).join('')
  }
  if (typeof expected === 'object' && expected !== null) {
    return Object.entries(expected)
      .map(([name, value]) => difference((opened as Given)[name], value, `${at}/${name}`))
      .join('')
  }
  return Object.is(opened, expected) ? '' : `${at}: ${String(opened)}, not ${String(expected)}; `
}
