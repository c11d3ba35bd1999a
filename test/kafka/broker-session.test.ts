import test from 'ava'
import { ADMIN_APIS } from '../../src/kafka/rules.ts'
import {
  answerOf,
  apiOf,
  compactText,
  everyApi,
  type Given,
  int8,
  int16,
  int32,
  list,
  NO_TAGS,
  requestFrame,
  text,
} from '../support/kafka-frames.ts'
import { brokersOf, PlayedSession, rulesFor } from '../support/kafka-session.ts'

const EVERYTHING = rulesFor([{ topics: { create: ['*'] }, admin: ADMIN_APIS }], 'report')

/** What may not be made up: it means something. */
const MEANT: Readonly<Record<string, Given>> = {
  Fetch: { replicaId: -1, sessionId: 0, sessionEpoch: -1 },
  FindCoordinator: { keyType: 1 },
  Produce: { acks: -1 },
  AlterConfigs: { resources: [{ resourceType: 2, resourceName: 'a' }] },
  IncrementalAlterConfigs: { resources: [{ resourceType: 2, resourceName: 'a' }] },
  OffsetFetch: { groups: [{ group: 'g' }, { group: 'h' }] },
}
const ANSWERED: Readonly<Record<string, Given>> = {
  OffsetFetch: { groups: [{ group: 'h' }, { group: 'g' }] },
}
/** Answers to these are read and written again: addresses, or versions. */
const REWRITTEN = ['Metadata', 'FindCoordinator', 'DescribeCluster', 'ApiVersions']

test('with everything allowed every request and its answer pass byte for byte', async (t) => {
  const session = await PlayedSession.open(t, { rules: EVERYTHING })
  let id = 0
  for (const api of everyApi()) {
    id++
    const { name } = api.api
    const topics = name === 'Metadata' ? { topics: [{ name: 'a' }] } : {}
    const sent = session.ask(api, { ...MEANT[name], ...topics, allowAutoTopicCreation: true }, id)
    t.deepEqual(await session.broker.frame(), sent, `${name} ${api.version}`)
    const answer = session.answer(api, { error: 0, nodes: [], ...ANSWERED[name] }, id)
    const got = await session.client.frame()
    if (!REWRITTEN.includes(name)) t.deepEqual(got, answer, `${name} ${api.version}`)
  }
  t.is(session.session.requests, id)
  t.deepEqual(session.refused, [])
})

test('many requests at once are answered in order, ours between those of the broker', async (t) => {
  const rules = rulesFor([{ groups: ['g'], topics: { consume: ['a'] } }])
  const session = await PlayedSession.open(t, { rules })
  const [heartbeat] = [apiOf(12, 3)]
  session.ask(heartbeat, { group: 'g' }, 1)
  session.ask(heartbeat, { group: 'other' }, 2)
  session.ask(heartbeat, { group: 'g' }, 3)
  session.ask(heartbeat, { group: 'third' }, 4)
  await session.broker.frame()
  await session.broker.frame()
  t.true(session.client.isQuiet)
  session.answer(heartbeat, { error: 27 }, 1)
  t.like(await session.answered(heartbeat, 1), { error: 27 })
  t.like(await session.answered(heartbeat, 2), { error: 30 })
  session.answer(heartbeat, { error: 0 }, 3)
  t.like(await session.answered(heartbeat, 3), { error: 0 })
  t.like(await session.answered(heartbeat, 4), { error: 30 })
  t.deepEqual(
    session.denied.map(({ group, reason }) => [group, reason]),
    [
      ['other', 'group-not-allowed'],
      ['third', 'group-not-allowed'],
    ],
  )
})

const raw = (...parts: Buffer[]) => {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([int32(bytes.length), bytes])
}
const head = (key: number, version: number) => [int16(key), int16(version), int32(7), text('x')]

for (const [name, bytes, reason, because] of [
  ['a negative length', int32(-5), 'malformed-request', /a length that no frame has/],
  ['no head', raw(int32(0)), 'malformed-request', /no head/],
  ['2 GB', Buffer.concat([int32(2 ** 31 - 1), int32(0)]), 'too-large', /limits\.kafka\.frameBytes/],
  ['an API that is not known', raw(...head(999, 0)), 'version-not-supported', /API 999/],
  ['LeaderAndIsr', raw(...head(4, 0)), 'version-not-supported', /API 4 in version 0/],
  ['ConsumerGroupHeartbeat', raw(...head(68, 0)), 'version-not-supported', /API 68/],
  ['Produce by topic ids', raw(...head(0, 13)), 'version-not-supported', /Produce in version 13/],
  ['Fetch by topic ids', raw(...head(1, 13)), 'version-not-supported', /Fetch in version 13/],
  ['Metadata that always creates', raw(...head(3, 3)), 'version-not-supported', /Metadata in/],
  ['AddPartitionsToTxn of brokers', raw(...head(24, 4)), 'version-not-supported', /AddPart/],
  ['a version below all', raw(...head(12, -1)), 'version-not-supported', /version -1/],
  [
    'a body that is left over',
    requestFrame(apiOf(12, 0), Buffer.concat([text('g'), int32(1), text('m'), int8(0)])),
    'malformed-request',
    /Heartbeat 0: 1 bytes are left over/,
  ],
  [
    'a body that ends too early',
    requestFrame(apiOf(12, 0), text('g')),
    'malformed-request',
    /Heartbeat 0: a message ends too early/,
  ],
  [
    'a tagged field that is not known',
    requestFrame(apiOf(17 + 19, 2), Buffer.from([2, 65, 1, 9, 0])),
    'malformed-request',
    /tagged field 9 is not known/,
  ],
  [
    'a tagged field in the head',
    raw(...head(36, 2), Buffer.from([1, 0, 0]), compactText('x'), NO_TAGS),
    'malformed-request',
    /head has a tagged field/,
  ],
  [
    'a coordinator of share groups',
    requestFrame(apiOf(10, 1), Buffer.concat([text('a:b:1'), int8(2)])),
    'malformed-request',
    /coordinator of kind 2/,
  ],
  [
    'Fetch as a broker',
    requestFrame(
      apiOf(1, 4),
      Buffer.concat([int32(3), int32(1), int32(1), int32(1), int8(0), list([])]),
    ),
    'api-not-allowed',
    /for brokers alone/,
  ],
  [
    'a group twice',
    requestFrame(
      apiOf(9, 8),
      Buffer.concat([
        Buffer.from([3]),
        ...Array(2).fill(Buffer.from([2, 97, 0, 0])),
        NO_TAGS,
        NO_TAGS,
      ]),
    ),
    'malformed-request',
    /OffsetFetch 8: a group is named twice/,
  ],
  [
    'a topic without a name',
    requestFrame(
      apiOf(3, 10),
      Buffer.concat([Buffer.from([2]), Buffer.alloc(16), Buffer.from([0, 0, 0, 0, 0, 0])]),
    ),
    'malformed-request',
    /a topic has no name/,
  ],
] as const) {
  test(`the connection ends, and nothing reaches the broker: ${name}`, async (t) => {
    const session = await PlayedSession.open(t, { rules: EVERYTHING })
    session.client.socket.write(bytes)
    await session.client.end()
    t.is(session.refused.length, 1)
    t.is(session.refused[0]!.reason, reason)
    t.regex(session.refused[0]!.because, because)
    t.is(session.broker.unread.length, 0)
    t.is(session.client.unread.length, 0)
  })
}

test('what is behind a request that may not be is not read', async (t) => {
  const session = await PlayedSession.open(t, { rules: EVERYTHING })
  const good = requestFrame(apiOf(16, 0), Buffer.alloc(0))
  session.client.socket.write(Buffer.concat([raw(...head(4, 0)), good]))
  await session.client.end()
  t.is(session.broker.unread.length, 0)
})

for (const [name, answer, because] of [
  ['that was not asked for', answerOf(apiOf(12, 0), int16(0), 8), /the answer 8 came before 7/],
  ['with a negative length', int32(-1), /a length that no frame has/],
  [
    'that is left over',
    answerOf(apiOf(16, 0), Buffer.concat([int16(0), list([]), int8(0)])),
    /left/,
  ],
  ['that ends too early', answerOf(apiOf(16, 0), int16(0)), /ends too early/],
] as const) {
  test(`the connection ends at an answer ${name}`, async (t) => {
    const session = await PlayedSession.open(t, { rules: EVERYTHING })
    session.ask(apiOf(16, 0), {})
    await session.broker.frame()
    session.broker.socket.write(answer)
    await session.client.end()
    t.is(session.refused[0]?.reason, 'upstream-malformed')
    t.regex(session.refused[0]!.because, because)
    t.is(session.client.unread.length, 0)
  })
}

test('an answer to nothing, and a second answer to one request, end the connection', async (t) => {
  for (const twice of [false, true]) {
    const session = await PlayedSession.open(t, { rules: EVERYTHING })
    session.ask(apiOf(12, 0), {})
    await session.broker.frame()
    session.answer(apiOf(12, 0), {})
    await session.client.frame()
    session.answer(apiOf(12, 0), {}, twice ? 7 : 9)
    await session.client.end()
    t.regex(session.refused[0]!.because, /was not asked for/)
    t.true(session.client.isQuiet)
  }
})

test('an answer out of order ends the connection', async (t) => {
  const session = await PlayedSession.open(t, { rules: EVERYTHING })
  session.ask(apiOf(12, 0), {}, 1)
  session.ask(apiOf(12, 0), {}, 2)
  await session.broker.frame()
  await session.broker.frame()
  session.answer(apiOf(12, 0), {}, 2)
  await session.client.end()
  t.regex(session.refused[0]!.because, /the answer 2 came before 1/)
})

test('ApiVersions is narrowed to what is understood here', async (t) => {
  const session = await PlayedSession.open(t)
  for (const version of [0, 1, 2, 3, 4]) {
    const api = apiOf(18, version)
    const sent = session.ask(api, {}, version)
    t.deepEqual(await session.broker.frame(), sent)
    const apis = [
      { key: 0, first: 0, last: 13 },
      { key: 1, first: 4, last: 17 },
      { key: 3, first: 0, last: 3 },
      { key: 4, first: 0, last: 7 },
      { key: 12, first: 0, last: 2 },
      { key: 68, first: 0, last: 1 },
      { key: 20, first: 6, last: 9 },
    ]
    session.answer(api, { error: 0, apis }, version)
    t.deepEqual((await session.answered(api, version))['apis'], [
      { key: 0, first: 3, last: 12 },
      { key: 1, first: 4, last: 12 },
      { key: 12, first: 0, last: 2 },
    ])
  }
})

test('a version of ApiVersions that is not known is answered as a broker does, in version 0', async (t) => {
  const session = await PlayedSession.open(t)
  session.client.socket.write(raw(...head(18, 9), Buffer.from('what it will be')))
  t.deepEqual(
    await session.client.frame(),
    answerOf(
      apiOf(18, 0),
      Buffer.concat([int16(35), list([Buffer.concat([int16(18), int16(0), int16(4)])])]),
    ),
  )
  t.is(session.broker.unread.length, 0)
  session.ask(apiOf(18, 3), {}, 8)
  await session.broker.frame()
  // A broker that does not know the version either says so in version 0.
  const older = answerOf(
    apiOf(18, 0),
    Buffer.concat([int16(35), list([Buffer.concat([int16(18), int16(0), int16(2)])])]),
    8,
  )
  session.broker.socket.write(older)
  t.deepEqual(await session.client.frame(), older)
})

test('brokers in answers become listeners of ours', async (t) => {
  const brokers = brokersOf()
  const session = await PlayedSession.open(t, { rules: EVERYTHING, brokers })
  const nodes = [
    { nodeId: 1, host: 'kafka-1', port: 9093 },
    { nodeId: 2, host: 'kafka-2', port: 9093 },
  ]
  const here = (nodeId: number) => ({ nodeId, host: '127.0.0.1', port: 40_000 + nodeId })
  for (const [key, version] of [
    [3, 4],
    [3, 11],
    [60, 0],
    [60, 1],
    [0, 12],
  ] as const) {
    const api = apiOf(key, version)
    session.ask(api, { topics: null, ...(key === 0 && { topics: [], acks: 1, transaction: null }) })
    await session.broker.frame()
    session.answer(api, { nodes, topics: [] })
    const { nodes: told } = await session.answered(api)
    t.like(told, [here(1), here(2)])
  }
  const [old, several] = [apiOf(10, 2), apiOf(10, 4)]
  session.ask(old, { keyType: 0 })
  await session.broker.frame()
  session.answer(old, { nodeId: 2, host: 'kafka-2', port: 9093, error: 0 })
  t.like(await session.answered(old), { ...here(2), error: 0 })
  session.ask(several, { keyType: 0, keys: ['a', 'b'] })
  await session.broker.frame()
  const none = { key: 'b', nodeId: -1, host: '', port: -1, error: 15, message: null }
  session.answer(several, { coordinators: [{ key: 'a', ...nodes[0] }, none] })
  t.like((await session.answered(several))['coordinators'], [here(1), none])
  t.deepEqual(brokers.placeOf(2), { host: 'kafka-2', port: 9093 })
})

test('a broker for which there is no port is left out; a coordinator there is not available', async (t) => {
  const brokers = brokersOf(async (nodeId) => {
    if (nodeId === 2) throw new Error('in use')
    return 40_000 + nodeId
  })
  const session = await PlayedSession.open(t, { rules: EVERYTHING, brokers })
  const [metadata, coordinator] = [apiOf(3, 9), apiOf(10, 2)]
  session.ask(metadata, { topics: null })
  await session.broker.frame()
  const nodes = [1, 2].map((nodeId) => ({ nodeId, host: `kafka-${nodeId}`, port: 9093 }))
  session.answer(metadata, { nodes, topics: [] })
  t.like((await session.answered(metadata))['nodes'], [{ nodeId: 1, port: 40_001 }])
  session.ask(coordinator, { keyType: 0 })
  await session.broker.frame()
  session.answer(coordinator, { nodeId: 2, host: 'kafka-2', port: 9093, error: 0 })
  t.like(await session.answered(coordinator), { nodeId: -1, host: '', port: -1, error: 15 })
})

test('SASL passes above TLS', async (t) => {
  const session = await PlayedSession.open(t)
  for (const [key, version] of [
    [17, 1],
    [36, 0],
    [36, 2],
  ] as const) {
    const sent = session.ask(apiOf(key, version), {})
    t.deepEqual(await session.broker.frame(), sent)
    const answer = session.answer(apiOf(key, version), {})
    t.deepEqual(await session.client.frame(), answer)
  }
})
