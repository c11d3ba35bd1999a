import test from 'ava'
import { HeldBytes } from '../../src/kafka/held-bytes.ts'
import type { MessageValues } from '../../src/kafka/message.ts'
import { apiOf, type Given } from '../support/kafka-frames.ts'
import { PlayedSession, rulesFor } from '../support/kafka-session.ts'
import { until } from '../support/patience.ts'

// What is refused is said in the answer, by name: an answer must not grow beyond what its request was.

const RULES = rulesFor([
  { topics: { produce: ['may'], consume: ['may'] }, groups: ['g'], transactions: ['t'] },
])
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const produced = (partitions: number) =>
  numbers(partitions).map((index) => ({ index, records: null }))
const producing = (...topics: readonly (readonly [string, number])[]): Given => ({
  ...{ acks: 1, transaction: null },
  topics: topics.map(([name, count]) => ({ name, partitions: produced(count) })),
})

test('one request has up to 10,000 refusals, partitions counted, whatever it asks for', async (t) => {
  const keys = (count: number) => numbers(count).map((i) => `k${i}`)
  const topics = (name: string, count: number) => [{ name, partitions: numbers(count) }]
  for (const [what, key, version, given] of [
    ['Produce, two topics', 0, 9, producing(['one', 6000], ['two', 4000])],
    ['Produce, another’s id', 0, 9, { ...producing(['may', 10_000]), transaction: 'x' }],
    ['OffsetFetch', 9, 6, { group: 'g', topics: topics('other', 10_000) }],
    ['OffsetFetch, another’s group', 9, 6, { group: 'x', topics: topics('may', 20_000) }],
    ['DescribeGroups', 15, 5, { groups: keys(10_001) }],
    ['FindCoordinator', 10, 4, { keyType: 1, keys: keys(10_001) }],
    ['DeleteTopics', 20, 4, { topics: keys(10_001) }],
    ['Metadata', 3, 9, { topics: keys(10_001).map((name) => ({ name })) }],
  ] as const) {
    const session = await PlayedSession.open(t, { rules: RULES })
    session.ask(apiOf(key, version), given)
    if (what.startsWith('OffsetFetch, ')) {
      // Its answer says so once.
      t.like(await session.answered(apiOf(key, version)), { error: 30, topics: [] })
      continue
    }
    await session.client.end()
    t.is(session.refused[0]?.reason, 'too-large', what)
    t.regex(session.refused[0]?.because ?? '', /: more than 10000 topics, partitions, groups or/)
  }
})

test('less than that is answered, and the words stand at the first partition of a topic', async (t) => {
  const session = await PlayedSession.open(t, { rules: RULES })
  const api = apiOf(0, 9)
  session.ask(api, producing(['one', 5000], ['two', 4000]))
  const { topics } = (await session.answered(api)) as { topics: MessageValues[] }
  for (const { partitions } of topics as unknown as { partitions: MessageValues[] }[]) {
    t.true(partitions.every(({ error }) => error === 29))
    t.regex(String(partitions[0]!['message']), /no rule lets this module produce the topic/)
    t.true(partitions.slice(1).every(({ message }) => message === null))
  }
})

test('our own answers are held bytes until the client takes them; what finds no room ends', async (t) => {
  const room = { requests: new HeldBytes(1e7), answers: new HeldBytes(150_000) }
  const session = await PlayedSession.open(t, { rules: RULES, room })
  const fetch = apiOf(1, 4)
  const one = { index: 0, offset: 0n, partitionMaxBytes: 1 }
  const fetching = { replicaId: -1, topics: [{ name: 'may', partitions: [one] }] }
  // The broker says nothing to the first, so that the others wait behind it.
  session.ask(fetch, fetching, 1)
  await session.broker.frame()
  session.ask(apiOf(0, 9), producing(['one', 2000]), 2)
  await until(() => room.answers.held > 30_000)
  session.ask(apiOf(0, 9), producing(['one', 9000]), 3)
  await session.client.end()
  t.like(session.refused[0], { reason: 'overloaded', limit: 'kafka.bufferedBytes' })
  t.true(session.client.isQuiet)
  session.client.socket.destroy()
  await until(() => room.answers.held === 0)
  t.is(room.answers.held, 0)
})

test('of a connection eight requests are kept for their answers, and the next waits', async (t) => {
  const session = await PlayedSession.open(t, { rules: RULES })
  const api = apiOf(3, 9)
  for (const id of numbers(12)) session.ask(api, { topics: [{ name: 'may' }] }, id)
  for (const _ of numbers(8)) await session.asked(api)
  t.is(session.session.requests, 8)
  for (const id of numbers(12)) {
    session.answer(api, { nodes: [], topics: [] }, id)
    t.deepEqual((await session.answered(api, id))['topics'], [])
  }
  t.is(session.session.requests, 12)
})

test('a large request of which something is kept has its room until the client has the answer', async (t) => {
  const room = { requests: new HeldBytes(1e7), answers: new HeldBytes(1e7) }
  const session = await PlayedSession.open(t, { rules: RULES, room })
  const api = apiOf(0, 9)
  const records = Buffer.alloc(300_000, 5)
  const topics = ['may', 'x'.repeat(20_000)].map((name) => {
    return { name, partitions: [{ index: 0, records }] }
  })
  session.ask(api, { acks: 1, transaction: null, topics })
  await session.broker.frame()
  t.true(room.requests.held > 600_000, `${room.requests.held}`)
  session.answer(api, { topics: [] })
  await session.client.frame()
  await until(() => room.requests.held === 0)
  t.is(room.requests.held, 0)
})
