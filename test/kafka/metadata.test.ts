import test from 'ava'
import { HeldBytes } from '../../src/kafka/held-bytes.ts'
import { apiOf, type Given } from '../support/kafka-frames.ts'
import { brokersOf, PlayedSession, rulesFor } from '../support/kafka-session.ts'
import { until } from '../support/patience.ts'

const RULES = rulesFor([{ topics: { produce: ['p'], consume: ['c'], create: ['n', 'n2'] } }])
const VERSIONS = [4, 8, 9, 11]

const asking = (names: readonly string[] | null, allowAutoTopicCreation = false) => {
  return { topics: names?.map((name) => ({ name })) ?? null, allowAutoTopicCreation }
}
const telling = (...names: string[]) => {
  return { nodes: [], topics: names.map((name) => ({ name, error: 0, partitions: [] })) }
}
const namesIn = (values: Given) => (values['topics'] as Given[]).map(({ name }) => name)
const errorsIn = (values: Given) =>
  (values['topics'] as Given[]).map(({ name, error }) => [name, error])

for (const version of VERSIONS) {
  const api = apiOf(3, version)

  test(`of all topics those are shown that a rule is about: ${version}`, async (t) => {
    const session = await PlayedSession.open(t, { rules: RULES })
    const sent = session.ask(api, asking(null, true))
    t.deepEqual(await session.broker.frame(), sent)
    session.answer(api, telling('other', 'p', '__consumer_offsets', 'c', 'n'))
    t.deepEqual(namesIn(await session.answered(api)), ['p', 'c', 'n'])
    t.deepEqual(session.denied, [])
  })

  test(`a hidden topic that is asked for by name is refused: ${version}`, async (t) => {
    const session = await PlayedSession.open(t, { rules: RULES })
    session.ask(api, asking(['p', 'other', 'c']))
    t.deepEqual(namesIn(await session.asked(api)), ['p', 'c'])
    session.answer(api, telling('c', 'p', 'not asked for'))
    t.deepEqual(errorsIn(await session.answered(api)), [
      ['other', 29],
      ['c', 0],
      ['p', 0],
    ])
    session.ask(api, asking(['other']))
    // An empty list asks for none, from version 1 on.
    t.deepEqual(namesIn(await session.asked(api)), [])
    session.answer(api, telling())
    t.deepEqual(errorsIn(await session.answered(api)), [['other', 29]])
  })

  test(`a topic is created by asking only where \`create\` allows it: ${version}`, async (t) => {
    const session = await PlayedSession.open(t, { rules: RULES })
    const creates = async () => (await session.asked(api))['allowAutoTopicCreation']
    session.ask(api, asking(['p', 'c'], true))
    t.is(await creates(), false)
    session.answer(api, telling('p', 'c'))
    t.deepEqual(namesIn(await session.answered(api)), ['p', 'c'])

    const sent = session.ask(api, asking(['n', 'n2'], true))
    t.deepEqual(await session.broker.frame(), sent)
    session.answer(api, telling('n', 'n2'))
    await session.client.frame()

    const [first, second] = [asking(['n', 'p', 'n2'], true), apiOf(12, 0)]
    session.ask(api, first, 1)
    session.ask(second, { group: 'none' }, 2)
    const [others, creatable] = [await session.asked(api), await session.asked(api)]
    t.deepEqual([namesIn(others), others['allowAutoTopicCreation']], [['p'], false])
    t.deepEqual([namesIn(creatable), creatable['allowAutoTopicCreation']], [['n', 'n2'], true])
    session.answer(api, telling('p'), 1)
    session.answer(api, telling('n', 'n2'), 1)
    t.deepEqual(namesIn(await session.answered(api, 1)), ['p', 'n', 'n2'])
    t.like(await session.answered(second, 2), { error: 30 })
  })
}

test('in report mode all is shown, and what would be hidden is said', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor([], 'report') })
  const api = apiOf(3, 9)
  const sent = session.ask(api, asking(['other'], true))
  t.deepEqual(await session.broker.frame(), sent)
  session.answer(api, telling('other'))
  t.deepEqual(errorsIn(await session.answered(api)), [['other', 0]])
  session.ask(api, asking(null))
  await session.broker.frame()
  session.answer(api, telling('a', 'b'))
  t.deepEqual(namesIn(await session.answered(api)), ['a', 'b'])
  t.deepEqual(session.wouldDeny, [{ api: 'Metadata', topic: 'other', reason: 'topic-not-allowed' }])
})

test('an answer that waits for ports has its room back if the client leaves', async (t) => {
  const port = Promise.withResolvers<number>()
  const brokers = brokersOf(() => port.promise)
  const room = { requests: new HeldBytes(1e7), answers: new HeldBytes(1e7) }
  const session = await PlayedSession.open(t, { rules: RULES, brokers, room })
  const api = apiOf(3, 9)
  session.ask(api, asking(['p']))
  await session.broker.frame()
  const partitions = Array.from({ length: 20_000 }, (_, index) => ({ index }))
  const topics = [{ name: 'p', error: 0, partitions }]
  session.answer(api, { nodes: [{ nodeId: 1, host: 'kafka-1', port: 9092 }], topics })
  await until(() => room.answers.held > 0)
  session.client.socket.resetAndDestroy()
  await until(() => session.why !== undefined)
  port.resolve(40_001)
  await until(() => room.answers.held === 0)
  t.is(room.answers.held, 0)
})
