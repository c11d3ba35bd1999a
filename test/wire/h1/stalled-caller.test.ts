import test from 'ava'
import type { Limit } from '../../../src/refusal/limits.ts'
import { refuse } from '../../../src/refusal/refusal.ts'
import type { WireLimits } from '../../../src/wire/face.ts'
import { Downstream } from '../../../src/wire/h1/downstream.ts'
import { MemoryPool, PlainHandler, settingsWith } from '../../support/engine.ts'
import { MemorySocket } from '../../support/memory-socket.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const NO = refuse('route-not-declared', 'a sentence that is much longer than the request')
const LIMITS = {
  bodyIdleMs: 1500,
  callerReadIdleMs: 1000,
  idleMs: 5000,
  bufferedBytesPerExchange: 65_536,
}

/** A caller that takes nothing until it is let go, in front of one upstream. */
function stalled(over: Partial<WireLimits> = {}) {
  const limits = { ...LIMITS, ...over }
  const clock = { now: 0 }
  const pool = new MemoryPool(limits, clock)
  const handler = new PlainHandler(pool.pool)
  const socket = new MemorySocket()
  const hits: Limit[] = []
  const limitHit = (limit: Limit) => hits.push(limit)
  const settings = { ...settingsWith(limits, clock), limitHit }
  const connection = new Downstream(socket, null, handler, settings, () => {})
  const at = (now: number) => {
    clock.now = now
    connection.tick(now)
    pool.pool.tick(now)
  }
  socket.stalled = true
  return { socket, connection, handler, pool, hits, at }
}

const MANY = 2000

test('a caller that sends on and reads no answer is not read on, and loses no answer', async (t) => {
  const { socket, connection, handler } = stalled()
  handler.judge = () => NO
  for (let i = 0; i < MANY; i += 100) await socket.arrive(get('/no').repeat(100))
  t.true(
    connection.bufferedBytes < LIMITS.bufferedBytesPerExchange * 2,
    `${connection.bufferedBytes}`,
  )
  t.true(handler.ended.length < MANY)
  await socket.letGo()
  while (handler.ended.length < MANY) await socket.letGo()
  t.is(socket.sent.match(/HTTP\/1.1 403/g)?.length, MANY)
})

test('the same when its last byte has come: every request is answered before the end', async (t) => {
  const { socket, handler } = stalled()
  handler.judge = () => NO
  await socket.arrive(get('/no').repeat(MANY))
  await socket.arriveEnd()
  t.true(handler.ended.length < MANY)
  for (let turn = 0; turn < MANY && !socket.writableFinished; turn++) await socket.letGo()
  t.is(socket.sent.match(/HTTP\/1.1 403/g)?.length, MANY)
  t.true(socket.writableFinished)
})

test('an unread answer ends its exchange and frees the upstream', async (t) => {
  const { socket, handler, pool, at } = stalled()
  at(100)
  await socket.arrive(get('/1'))
  const upstream = pool.connect()
  await pool.answer(
    upstream,
    `HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n${'x'.repeat(9e4)}`,
  )
  at(1099)
  t.false(socket.destroyed)
  t.is(handler.ended.length, 0)
  at(1100)
  t.true(socket.destroyed)
  t.true(upstream.destroyed)
  t.is(pool.pool.exchanges, 0)
  t.deepEqual(
    handler.ended.map(({ status, outcome, refused }) => [status, outcome, refused?.limit]),
    [[200, 'caller-gone', 'callerReadIdleMs']],
  )
})

test('callerReadIdleMs 0: a caller may pause for as long as it likes, in its answer and at its end', async (t) => {
  for (const [body, more] of [
    ['x'.repeat(9e4), ''],
    ['x'.repeat(1e4), 'Connection: close\r\n'],
  ] as const) {
    const { socket, handler, pool, hits, at } = stalled({ callerReadIdleMs: 0 })
    await socket.arrive(`GET /1 HTTP/1.1\r\nHost: x\r\n${more}\r\n`)
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`
    const upstream = pool.connect()
    await pool.answer(upstream, head + body)
    for (let now = 0; now < 1e7; now += 5e5) at(now)
    t.false(socket.destroyed)
    for (let turn = 0; turn < 10; turn++) {
      await socket.letGo()
      await pool.deliver(upstream)
    }
    t.true(socket.sent.endsWith(body))
    t.deepEqual(hits, [])
    t.is(handler.ended[0]?.outcome, 'answered')
  }
})

test('a slow caller that takes a little each time is served on', async (t) => {
  const { socket, handler, pool, at } = stalled()
  await socket.arrive(get('/1'))
  const upstream = pool.connect()
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n'
  await pool.answer(upstream, head)
  for (let now = 900; now < 20_000; now += 900) {
    await pool.answer(upstream, 'x'.repeat(1000))
    at(now)
    await socket.letGo()
    socket.stalled = true
  }
  t.false(socket.destroyed)
  t.is(handler.ended.length, 0)
})

test('a slow answer does not count as a stall of the caller', async (t) => {
  const { socket, pool, handler, at } = stalled({ responseIdleMs: 0 })
  socket.stalled = false
  await socket.arrive(get('/1'))
  const upstream = pool.connect()
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
  for (let now = 0; now < 1e7; now += 5e5) at(now)
  t.false(socket.destroyed)
  t.is(handler.ended.length, 0)
})

test('unread answers of finished exchanges are a stall too', async (t) => {
  const { socket, handler, hits, at } = stalled()
  handler.judge = () => NO
  await socket.arrive(get('/no'))
  at(100)
  at(1100)
  t.true(socket.destroyed)
  t.deepEqual(hits, ['callerReadIdleMs'])
  t.is(handler.ended.length, 1)
})

test('idle time and age are counted although nothing is refused', async (t) => {
  const { socket, pool, hits, at } = stalled({ connectionMaxAgeMs: 10_000 })
  socket.stalled = false
  await socket.arrive(get('/1'))
  await pool.answer(pool.connect(), 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  at(4999)
  t.deepEqual(hits, [])
  at(5000)
  t.deepEqual(hits, ['idleMs'])
  t.true(socket.writableEnded)

  const old = stalled({ connectionMaxAgeMs: 10_000, idleMs: 20_000 })
  old.socket.stalled = false
  old.at(10_000)
  await old.socket.arrive(get('/1'))
  await old.pool.answer(old.pool.connect(), 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.deepEqual(old.hits, ['connectionMaxAgeMs'])
  t.regex(old.socket.sent, /\r\nConnection: close\r\n/)
})

test('the body of a refused request that does not come on is counted', async (t) => {
  const { socket, handler, hits, at } = stalled()
  socket.stalled = false
  handler.judge = () => NO
  await socket.arrive('POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
  at(1000)
  t.deepEqual(hits, [])
  at(1500)
  t.deepEqual(hits, ['bodyIdleMs'])
  t.true(socket.writableEnded)
})

test('the time for an answer begins when the upstream has the request', async (t) => {
  const limits = { responseHeadMs: 500, bodyIdleMs: 10_000 }
  const { socket, handler, pool, at } = stalled(limits)
  socket.stalled = false
  await socket.arrive('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc')
  const upstream = pool.connect()
  // The caller is slow, not the upstream.
  at(5000)
  t.is(handler.ended.length, 0)
  await socket.arrive('def')
  at(5499)
  t.is(handler.ended.length, 0)
  at(5500)
  t.is(handler.ended[0]?.refused?.limit, 'responseHeadMs')
  t.is(handler.ended[0]?.status, 504)
  t.true(upstream.destroyed)
})

test('an upstream that does not take the request is out of time as well', async (t) => {
  const limits = { responseHeadMs: 500, bodyIdleMs: 10_000 }
  const { socket, handler, pool, at } = stalled(limits)
  socket.stalled = false
  await socket.arrive('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nabc')
  const upstream = pool.connect()
  upstream.stalled = true
  await socket.arrive('x'.repeat(65_536))
  at(499)
  t.is(handler.ended.length, 0)
  at(500)
  t.is(handler.ended[0]?.refused?.limit, 'responseHeadMs')
})

test('draining: what was pipelined before is answered, and the last answer says that it is', async (t) => {
  for (const held of [false, true]) {
    const { socket, connection, pool, handler } = stalled()
    socket.stalled = false
    if (!held) connection.drain()
    await socket.arrive(get('/1') + get('/2') + get('/3'))
    if (held) connection.drain()
    const upstream = pool.connect()
    for (let i = 0; i < 3; i++) {
      await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    }
    t.is(handler.ended.length, 3)
    const answers = socket.sent.split('HTTP/1.1 200').slice(1)
    t.deepEqual(
      answers.map((text) => text.includes('Connection: close')),
      [false, false, true],
    )
    t.true(socket.writableFinished)
  }
})

test('draining: half a request behind the running one is waited for, and is the last', async (t) => {
  const { socket, connection, pool } = stalled()
  socket.stalled = false
  await socket.arrive(get('/1') + get('/2').slice(0, 10))
  connection.drain()
  const upstream = pool.connect()
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  await socket.arrive(get('/2').slice(10))
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.is(socket.sent.match(/200 OK/g)?.length, 2)
  t.regex(socket.sent, /Connection: close\r\n\r\n$/)
})
