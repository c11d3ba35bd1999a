import test from 'ava'
import { RawArray } from '../../src/kafka/message.ts'
import { apiOf, type Given } from '../support/kafka-frames.ts'
import { PlayedSession, rulesFor } from '../support/kafka-session.ts'

const RULES = [{ topics: { consume: ['may', 'more'], produce: ['p'] } }]
const VERSIONS = [4, 6, 7, 11, 12]
const records = Buffer.alloc(100_000, 9)

const fetched = (name: string, ...indexes: number[]) => {
  return { name, partitions: indexes.map((index) => ({ index })) }
}
const came = (name: string, index: number) => {
  return { name, partitions: [{ index, error: 0, records, aborted: null }] }
}
const full = (topics: Given[], session: Given = {}) => {
  return { replicaId: -1, sessionId: 0, sessionEpoch: -1, forgotten: [], ...session, topics }
}

/** Topics of an answer with their partitions and errors. */
function toldOf(values: Given): unknown {
  return (values['topics'] as Given[]).map(({ name, partitions }) => {
    const all = (partitions instanceof RawArray ? partitions.read() : partitions) as Given[]
    return [name, all.map(({ index, error, records: bytes }) => [index, error, bytes !== null])]
  })
}

test('a topic that may not be read is taken out, and its error put into the answer that streams', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
  for (const version of VERSIONS) {
    const api = apiOf(1, version)
    session.ask(api, full([fetched('other', 1, 2), fetched('may', 0), fetched('p', 5)]))
    const asked = await session.asked(api)
    t.deepEqual(
      (asked['topics'] as unknown as Given[]).map(({ name }) => name),
      ['may'],
    )
    session.answer(api, { error: 0, sessionId: 0, topics: [came('may', 0)] })
    t.deepEqual(toldOf(await session.answered(api)), [
      [
        'other',
        [
          [1, 29, false],
          [2, 29, false],
        ],
      ],
      ['p', [[5, 29, false]]],
      ['may', [[0, 0, true]]],
    ])
  }
  t.is(session.denied.length, 2 * VERSIONS.length)
})

test('with nothing refused both pass byte for byte', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
  for (const version of VERSIONS) {
    const api = apiOf(1, version)
    for (const epoch of [-1, 0]) {
      const sent = session.ask(api, full([fetched('may', 0)], { sessionEpoch: epoch }))
      t.deepEqual(await session.broker.frame(), sent)
      const answer = session.answer(api, { error: 0, topics: [came('may', 0), came('may', 1)] })
      t.deepEqual(await session.client.frame(), answer)
    }
  }
})

test('where nothing may be read the broker is not asked, and no session begins', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
  for (const version of VERSIONS) {
    const api = apiOf(1, version)
    session.ask(api, full([fetched('other', 1)], { sessionEpoch: 0 }))
    const told = await session.answered(api)
    t.deepEqual(toldOf(told), [['other', [[1, 29, false]]]])
    if (version >= 7) t.is(told['sessionId'], 0)
  }
  t.is(session.broker.unread.length, 0)
})

test('what was taken out is said in each answer of a fetch session, until it is forgotten', async (t) => {
  for (const version of [7, 12]) {
    const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
    const api = apiOf(1, version)
    session.ask(api, full([fetched('may', 0), fetched('other', 1, 2)], { sessionEpoch: 0 }))
    await session.broker.frame()
    session.answer(api, { error: 0, sessionId: 77, topics: [came('may', 0)] })
    await session.client.frame()

    const next = (more: Given) => ({ ...full([], { sessionId: 77, sessionEpoch: 1 }), ...more })
    const sent = session.ask(api, next({}))
    t.deepEqual(await session.broker.frame(), sent)
    session.answer(api, { error: 0, sessionId: 77, topics: [] })
    t.deepEqual(toldOf(await session.answered(api)), [
      [
        'other',
        [
          [1, 29, false],
          [2, 29, false],
        ],
      ],
    ])

    const forgotten = [
      { name: 'other', partitions: [1] },
      { name: 'may', partitions: [0] },
    ]
    session.ask(api, next({ sessionEpoch: 2, topics: [fetched('p', 3)], forgotten }))
    const asked = await session.asked(api)
    t.deepEqual(asked['topics'], [])
    t.deepEqual(
      (asked['forgotten'] as unknown as Given[]).map(({ name }) => name),
      ['may'],
    )
    session.answer(api, { error: 0, sessionId: 77, topics: [came('more', 0)] })
    t.deepEqual(toldOf(await session.answered(api)), [
      ['other', [[2, 29, false]]],
      ['p', [[3, 29, false]]],
      ['more', [[0, 0, true]]],
    ])
  }
})

test('a fetch session of another connection is not gone on with', async (t) => {
  for (const version of [7, 12]) {
    const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
    const api = apiOf(1, version)
    for (const sessionEpoch of [-1, 0, 1, 5]) {
      session.ask(api, full([], { sessionId: 77, sessionEpoch }))
      t.like(await session.answered(api), { error: 70, sessionId: 0, topics: [] })
    }
    t.is(session.broker.unread.length, 0)
  }
})

test('other rules end fetch sessions: the client begins anew', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
  const api = apiOf(1, 12)
  const begin = async () => {
    session.ask(api, full([fetched('may', 0)], { sessionEpoch: 0 }))
    await session.broker.frame()
    session.answer(api, { error: 0, sessionId: 77, topics: [] })
    await session.client.frame()
  }
  await begin()
  session.rules = rulesFor([{ topics: { consume: ['more'] } }])
  session.ask(api, full([], { sessionId: 77, sessionEpoch: 1 }))
  t.like(await session.answered(api), { error: 70 })
  session.ask(api, full([fetched('may', 0)], { sessionEpoch: 0 }))
  t.deepEqual(toldOf(await session.answered(api)), [['may', [[0, 29, false]]]])
})

test('a session that the broker has forgotten, or the client has ended, is none', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
  const api = apiOf(1, 12)
  const ask = async (given: Given, answer: Given) => {
    session.ask(api, full([], given))
    await session.broker.frame()
    session.answer(api, { topics: [], ...answer })
    await session.client.frame()
  }
  await ask({ sessionEpoch: 0 }, { error: 0, sessionId: 77 })
  await ask({ sessionId: 77, sessionEpoch: 1 }, { error: 71, sessionId: 0 })
  session.ask(api, full([], { sessionId: 77, sessionEpoch: 2 }))
  t.like(await session.answered(api), { error: 70 })
  await ask({ sessionEpoch: 0 }, { error: 0, sessionId: 78 })
  await ask({ sessionId: 78, sessionEpoch: -1 }, { error: 0, sessionId: 0 })
  session.ask(api, full([], { sessionId: 78, sessionEpoch: 1 }))
  t.like(await session.answered(api), { error: 70 })
})

test('in report mode everything is fetched, and said', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor(RULES, 'report') })
  const api = apiOf(1, 12)
  const sent = session.ask(api, full([fetched('other', 1)]))
  t.deepEqual(await session.broker.frame(), sent)
  t.deepEqual(session.wouldDeny, [
    { api: 'Fetch', right: 'consume', topic: 'other', reason: 'topic-not-allowed' },
  ])
})

test('what is remembered of a session has a bound', async (t) => {
  const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
  const api = apiOf(1, 12)
  session.ask(api, full([fetched('may', 0)], { sessionEpoch: 0 }))
  await session.broker.frame()
  session.answer(api, { error: 0, sessionId: 77, topics: [] })
  await session.client.frame()
  for (let i = 0; i < 2; i++) {
    const partitions = Array.from({ length: 5000 }, (_, n) => i * 5000 + n)
    const given = { sessionId: 77, sessionEpoch: i + 1 }
    session.ask(api, full([fetched('other', ...partitions)], given))
    await session.broker.frame()
    session.answer(api, { error: 0, sessionId: 77, topics: [] })
    await session.client.frame()
  }
  session.ask(api, full([fetched('other', 99_999)], { sessionId: 77, sessionEpoch: 3 }))
  await session.client.end()
  t.like(session.refused[0], { reason: 'topic-not-allowed' })
})

test('records that come when the right to read them is gone do not pass, however long they were waited for', async (t) => {
  for (const version of VERSIONS) {
    const session = await PlayedSession.open(t, { rules: rulesFor(RULES) })
    const api = apiOf(1, version)
    const asking = full([fetched('may', 0)], { maxWaitMs: 2 ** 31 - 1 })
    const answer = { error: 0, sessionId: 0, topics: [came('may', 0)] }
    // The twin: other rules that allow the same.
    session.ask(api, asking, 1)
    await session.broker.frame()
    session.rules = rulesFor(RULES)
    session.answer(api, answer, 1)
    await session.answered(api, 1)
    session.ask(api, asking, 2)
    await session.broker.frame()
    session.rules = rulesFor([{ topics: { consume: ['more'] } }])
    session.answer(api, answer, 2)
    await session.client.end()
    t.true(session.client.isQuiet)
    t.deepEqual(session.refused, [])
  }
})

test('the same where a rule has run out meanwhile', async (t) => {
  const session = await PlayedSession.open(t, {
    rules: rulesFor([{ topics: { consume: ['may'] }, until: '2001-01-01' }, ...RULES]),
  })
  const api = apiOf(1, 4)
  session.ask(api, full([fetched('may', 0)]))
  await session.broker.frame()
  Object.defineProperty(session.rules, 'stage', { value: 7 })
  session.answer(api, { topics: [came('may', 0)] })
  await session.client.end()
  t.true(session.client.isQuiet)
})
