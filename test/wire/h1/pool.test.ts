import test from 'ava'
import { refuse } from '../../../src/refusal/refusal.ts'
import { callerOf, MemoryPool } from '../../support/engine.ts'
import { settled } from '../../support/memory-socket.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

test('a waiting request gets the first free connection, a new one or one given back', async (t) => {
  const pool = new MemoryPool()
  const [a, b] = [callerOf(pool.pool), callerOf(pool.pool)]
  await a.socket.arrive(get('/a'))
  await b.socket.arrive(get('/b'))
  t.is(pool.dials, 2)
  t.is(pool.pool.exchanges, 2)
  const upstream = pool.connect()
  t.true(upstream.sent.startsWith('GET /a '))
  await pool.answer(upstream, OK)
  t.is(a.socket.sent, OK)
  t.true(upstream.sent.includes('GET /b '), 'it did not wait for a dial of its own')
  await pool.answer(upstream, OK)
  t.is(b.socket.sent, OK)
  pool.connect()
  t.is(pool.pool.exchanges, 0)
})

test('a caller that leaves while it waits is not waited for', async (t) => {
  const pool = new MemoryPool()
  const [a, b] = [callerOf(pool.pool), callerOf(pool.pool)]
  await a.socket.arrive(get('/a'))
  await b.socket.arrive(get('/b'))
  a.socket.destroy()
  await settled()
  t.is(pool.pool.exchanges, 1)
  const upstream = pool.connect()
  t.true(upstream.sent.startsWith('GET /b '))
  t.is(a.handler.ended[0]?.outcome, 'caller-gone')
})

test('a dial that has waited for a caller that left does not speak for those who came later', async (t) => {
  const clock = { now: 1000 }
  const pool = new MemoryPool({ connectWaitMs: 30_000 }, clock)
  const gone = callerOf(pool.pool, {}, clock)
  await gone.socket.arrive(get('/a'))
  clock.now += 28_000
  gone.socket.destroy()
  await settled()
  const { socket } = callerOf(pool.pool, {}, clock)
  await socket.arrive(get('/b'))
  t.is(pool.dials, 1, 'it waits for the dial that is under way')
  clock.now += 2000
  const nothing = refuse('module-unavailable', 'nothing listens', { limit: 'connectWaitMs' })
  pool.refuse(nothing)
  t.is(socket.sent, '')
  t.is(pool.dials, 1, 'another one was begun')
  clock.now += 27_999
  pool.pool.tick(clock.now)
  t.is(socket.sent, '')
  clock.now += 1
  pool.pool.tick(clock.now)
  t.true(socket.sent.startsWith('HTTP/1.1 503 '))
  t.is(pool.pool.exchanges, 0)
  pool.refuse(nothing)
  t.is(pool.dials, 0)
})

test('the result of a dial that is about the peer itself is given at once', async (t) => {
  const pool = new MemoryPool({ connectWaitMs: 30_000 })
  const { socket } = callerOf(pool.pool)
  await socket.arrive(get('/a'))
  pool.refuse(refuse('wrong-peer', 'it proves another name'))
  t.true(socket.sent.startsWith('HTTP/1.1 403 '))
})

test('limits.exchangesPerCallee: one more is refused at once, and its connection can be used on', async (t) => {
  const pool = new MemoryPool({ exchangesPerCallee: 1 })
  const [a, b] = [callerOf(pool.pool), callerOf(pool.pool)]
  await a.socket.arrive(get('/a'))
  await b.socket.arrive(get('/b') + get('/c'))
  t.deepEqual(b.socket.sent.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 503', 'HTTP/1.1 503'])
  t.false(b.socket.writableEnded)
  const upstream = pool.connect()
  await pool.answer(upstream, OK)
  await b.socket.arrive(get('/d'))
  await pool.answer(upstream, OK)
  t.true(b.socket.sent.endsWith(OK))
  t.is(pool.sockets.length, 1)
})

test('an idle connection is believed in for as long as it was promised, and no longer', async (t) => {
  const clock = { now: 1000 }
  const pool = new MemoryPool({}, clock)
  const { socket } = callerOf(pool.pool, {}, clock)
  await socket.arrive(get('/'))
  const upstream = pool.connect()
  const promise = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=9\r\nContent-Length: 0\r\n\r\n'
  await pool.answer(upstream, promise)
  clock.now += 3_999
  pool.pool.tick(clock.now)
  t.false(upstream.destroyed)
  clock.now += 1
  await socket.arrive(get('/'))
  t.true(upstream.destroyed)
  t.is(pool.dials, 1)
})

test('no idle connection is kept longer than 15 s, or than limits.connectionMaxAgeMs in all', async (t) => {
  const clock = { now: 1000 }
  const pool = new MemoryPool({ connectionMaxAgeMs: 20_000 }, clock)
  const { socket } = callerOf(pool.pool, {}, clock)
  await socket.arrive(get('/'))
  const upstream = pool.connect()
  await pool.answer(upstream, OK)
  clock.now += 14_999
  await socket.arrive(get('/'))
  t.is(pool.dials, 0)
  clock.now += 5_001
  await pool.answer(upstream, OK)
  t.true(upstream.destroyed, 'too old to be kept')

  await socket.arrive(get('/'))
  const second = pool.connect()
  await pool.answer(second, OK)
  clock.now += 15_000
  pool.pool.tick(clock.now)
  t.true(second.destroyed)
})

test('after retire no connection of before serves another exchange; running ones end well', async (t) => {
  const pool = new MemoryPool()
  const [a, b, c] = [callerOf(pool.pool), callerOf(pool.pool), callerOf(pool.pool)]
  await a.socket.arrive(get('/a'))
  const running = pool.connect()
  await b.socket.arrive(get('/b'))
  const idle = pool.connect()
  await pool.answer(idle, OK)
  await c.socket.arrive(get('/c'))
  t.true(idle.sent.includes('GET /c '))
  await pool.answer(idle, OK)
  pool.pool.retire()
  t.true(idle.destroyed)
  t.false(running.destroyed)
  await pool.answer(running, OK)
  t.is(a.socket.sent, OK)
  t.true(running.destroyed)
})

test('a peer that ends its connections one by one is left, its idle ones too', async (t) => {
  const pool = new MemoryPool()
  const callers = [callerOf(pool.pool), callerOf(pool.pool), callerOf(pool.pool)]
  for (const { socket } of callers) await socket.arrive(get('/'))
  const [idle, elsewhere, leaving] = [pool.connect(), pool.connect(), pool.connect()]
  const at = (socket: object, value: string) =>
    Object.defineProperty(socket, 'remoteAddress', { value })
  at(idle, '192.0.2.1')
  at(leaving, '192.0.2.1')
  at(elsewhere, '192.0.2.2')
  await pool.answer(idle, OK)
  await pool.answer(elsewhere, OK)
  await pool.answer(leaving, OK.replace('Content', 'Connection: close\r\nContent'))
  t.deepEqual(pool.avoided, [[leaving, 'leaving']])
  t.deepEqual(
    [idle, elsewhere, leaving].map(({ destroyed }) => destroyed),
    [true, false, true],
  )
})

test('a dial that was begun before retire is not used: another one is made', async (t) => {
  const pool = new MemoryPool()
  const { socket } = callerOf(pool.pool)
  await socket.arrive(get('/'))
  pool.pool.retire()
  const old = pool.connect()
  t.true(old.destroyed)
  t.is(old.sent, '')
  const upstream = pool.connect()
  await pool.answer(upstream, OK)
  t.is(socket.sent, OK)
})

test('destroy ends running exchanges', async (t) => {
  const pool = new MemoryPool()
  const { socket, handler } = callerOf(pool.pool)
  await socket.arrive(get('/'))
  pool.connect()
  pool.pool.destroy()
  await settled()
  t.is(handler.ended.length, 1)
  t.regex(socket.sent, /^HTTP\/1.1 502 /)
  t.is(pool.pool.bufferedBytes, 0)
})
