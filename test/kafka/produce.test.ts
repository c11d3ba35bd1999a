import test from 'ava'
import { HeldBytes } from '../../src/kafka/held-bytes.ts'
import { apiOf } from '../support/kafka-frames.ts'
import { PlayedSession, rulesFor } from '../support/kafka-session.ts'
import { until } from '../support/patience.ts'

const RULES = rulesFor([{ topics: { produce: ['may'] }, groups: ['g'] }])
const topic = (name: string, records = Buffer.from('records')) => {
  return { name, partitions: [{ index: 0, records }] }
}

test('acks=0 has no answer, refused or not', async (t) => {
  for (const version of [3, 9, 12]) {
    const session = await PlayedSession.open(t, { rules: RULES })
    const [api, heartbeat] = [apiOf(0, version), apiOf(12, 0)]
    const given = { acks: 0, transaction: null }
    session.ask(api, { ...given, topics: [topic('other')] }, 1)
    const sent = session.ask(api, { ...given, topics: [topic('may')] }, 2)
    session.ask(api, { ...given, topics: [topic('other'), topic('may')] }, 3)
    session.ask(heartbeat, { group: 'g' }, 4)
    t.deepEqual(await session.broker.frame(), sent)
    t.is((await session.asked(api))['topics']?.toString().length, 15)
    await session.broker.frame()
    session.answer(heartbeat, {}, 4)
    await session.answered(heartbeat, 4)
    t.is(session.denied.length, 2)
  }
})

test('a large request in pieces passes byte for byte, and its room is given back', async (t) => {
  const room = { requests: new HeldBytes(1e7), answers: new HeldBytes(1e7) }
  const session = await PlayedSession.open(t, { rules: RULES, room })
  const api = apiOf(0, 9)
  const records = Buffer.alloc(3_000_000, 5)
  const given = { acks: 1, transaction: null, topics: [topic('may', records)] }
  for (let id = 0; id < 5; id++) {
    const sent = session.ask(api, given, id)
    const got = await session.broker.frame()
    t.true(got.equals(sent))
    session.answer(api, { topics: [] }, id)
    await session.client.frame()
  }
  await until(() => room.requests.held === 0)
  t.is(room.requests.held, 0)
})

test('records go on behind a topic that was taken out', async (t) => {
  const session = await PlayedSession.open(t, { rules: RULES })
  const api = apiOf(0, 9)
  const records = Buffer.alloc(500_000, 5)
  const topics = [topic('other', records), topic('may', records)]
  session.ask(api, { acks: -1, transaction: null, topics })
  const got = await session.broker.frame()
  t.true(got.length > 500_000 && got.length < 501_000)
  t.false(got.includes('other'))
  t.true(got.includes(records))
})

test('a broker that does not read is not sent more than one request beyond what the system takes', async (t) => {
  const session = await PlayedSession.open(t, { rules: RULES, limits: { requests: 1000 } })
  const api = apiOf(0, 9)
  session.broker.socket.pause()
  const records = Buffer.alloc(1_000_000, 5)
  for (let id = 0; id < 60; id++) {
    session.ask(api, { acks: 1, transaction: null, topics: [topic('may', records)] }, id)
  }
  let before = -1
  await until(() => {
    const same = session.session.bytesIn === before
    before = session.session.bytesIn
    return same && before > 0
  })
  t.true(session.session.bytesIn < 30_000_000, `${session.session.bytesIn} bytes were read`)
  session.broker.socket.resume()
  for (let id = 0; id < 60; id++) await session.broker.frame()
  t.is(session.session.requests, 60)
})

test('limits.kafka.requests: more of them wait', async (t) => {
  const session = await PlayedSession.open(t, { rules: RULES, limits: { requests: 2 } })
  const heartbeat = apiOf(12, 0)
  for (let id = 1; id <= 4; id++) session.ask(heartbeat, { group: 'g' }, id)
  await session.broker.frame()
  await session.broker.frame()
  await until(() => session.limits.includes('kafka.requests'))
  t.is(session.session.requests, 2)
  session.answer(heartbeat, {}, 1)
  await session.answered(heartbeat, 1)
  await session.broker.frame()
  t.is(session.session.requests, 3)
})

test('limits.kafka.frameMs: a request that does not become whole ends the connection', async (t) => {
  const clock = { now: 0 }
  const session = await PlayedSession.open(t, { rules: RULES, clock, limits: { frameMs: 1000 } })
  const { length } = session.ask(apiOf(12, 0), { group: 'g' })
  await session.broker.frame()
  session.client.socket.write(Buffer.from([0, 0, 1, 0, 0, 12, 0, 0, 1]))
  await until(() => session.session.bytesIn === length + 9)
  clock.now = 999
  session.session.tick(clock.now)
  t.deepEqual(session.refused, [])
  clock.now = 1000
  session.session.tick(clock.now)
  t.like(session.refused[0], { reason: 'timeout', limit: 'kafka.frameMs' })
  await session.client.end()
})

test('limits.kafka.idleMs, and none', async (t) => {
  for (const idleMs of [0, 1000]) {
    const clock = { now: 0 }
    const session = await PlayedSession.open(t, { rules: RULES, clock, limits: { idleMs } })
    session.ask(apiOf(12, 0), { group: 'g' })
    await session.broker.frame()
    clock.now = 100_000
    session.session.tick(clock.now)
    t.is(session.refused.length, idleMs === 0 ? 0 : 1)
  }
})

test('a session that retires answers what it was asked, takes nothing more, and ends', async (t) => {
  const session = await PlayedSession.open(t, { rules: RULES })
  const heartbeat = apiOf(12, 0)
  session.ask(heartbeat, { group: 'g' }, 1)
  await session.broker.frame()
  session.session.retire()
  session.ask(heartbeat, { group: 'g' }, 2)
  t.false(session.client.closed)
  const answer = session.answer(heartbeat, {}, 1)
  t.deepEqual(await session.client.frame(), answer)
  await session.client.end()
  t.true(session.broker.isQuiet)
  await session.broker.end()
})

test('a broker that ends, or breaks, ends the client’s side behind what it answered', async (t) => {
  for (const how of ['end', 'resetAndDestroy'] as const) {
    const session = await PlayedSession.open(t, { rules: RULES })
    const heartbeat = apiOf(12, 0)
    session.ask(heartbeat, { group: 'g' }, 1)
    await session.broker.frame()
    session.answer(heartbeat, {}, 1)
    await session.client.frame()
    session.broker.socket[how]()
    await session.client.end()
    session.client.socket.end()
    await until(() => session.why !== undefined)
    t.deepEqual(session.refused, [])
  }
})

test('what a client wrote before it ended still reaches the broker', async (t) => {
  const session = await PlayedSession.open(t, { rules: RULES })
  const api = apiOf(0, 9)
  session.ask(apiOf(12, 0), { group: 'g' })
  await session.broker.frame()
  const given = { acks: 0, transaction: null, topics: [topic('may', Buffer.alloc(2_000_000, 1))] }
  const sent = session.ask(api, given)
  session.client.socket.end()
  t.true((await session.broker.frame()).equals(sent))
  await session.broker.end()
  session.broker.socket.end()
  await until(() => session.why !== undefined)
  t.is(session.why, '')
})
