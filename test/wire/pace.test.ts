import test from 'ava'
import type { Limit } from '../../src/refusal/limits.ts'
import type { WireLimits } from '../../src/wire/face.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { FLAG } from '../../src/wire/link/frames.ts'
import { MemoryPool, PlainHandler, settingsWith } from '../support/engine.ts'
import { servingEnd } from '../support/link-ends.ts'
import { data, open } from '../support/link-frames.ts'
import { MemorySocket } from '../support/memory-socket.ts'

const LIMITS = { bodyIdleMs: 1000, bodyBytesPerSecond: 10, bodyRateWindowMs: 10_000 }
const POST = 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A caller in memory, and a clock that ticks as the real one does. */
function caller(over: Partial<WireLimits> = {}) {
  const clock = { now: 0 }
  const limits = { ...LIMITS, ...over }
  const pool = new MemoryPool(limits, clock)
  const handler = new PlainHandler(pool.pool)
  const socket = new MemorySocket()
  const hits: Limit[] = []
  const settings = { ...settingsWith(limits, clock), limitHit: (limit: Limit) => hits.push(limit) }
  const connection = new Downstream(socket, null, handler, settings, () => {})
  const pass = (ms: number) => {
    for (let i = 0; i < ms / 100; i++) {
      clock.now += 100
      connection.tick(clock.now)
    }
  }
  return { socket, handler, pool, pass }
}

/** So many bytes each half second, as long as it is served. */
async function drip(it: ReturnType<typeof caller>, bytes: number, most: number): Promise<number> {
  let sent = 0
  while (sent < most && it.handler.ended.length === 0) {
    await it.socket.arrive('x'.repeat(Math.min(bytes, most - sent)))
    sent += bytes
    it.pass(500)
  }
  return sent
}

test('a body that drips is 408, although it never stands still for limits.bodyIdleMs', async (t) => {
  const it = caller()
  await it.socket.arrive(POST)
  const upstream = it.pool.connect()
  const sent = await drip(it, 1, 1000)
  t.true(sent >= 20 && sent < 25, String(sent))
  t.is(it.handler.ended[0]?.refused?.limit, 'bodyBytesPerSecond')
  t.regex(it.socket.sent, /^HTTP\/1\.1 408 /)
  t.true(upstream.destroyed)
})

test('a body that is slow, but not that slow, comes to its end', async (t) => {
  const it = caller()
  await it.socket.arrive(POST)
  const upstream = it.pool.connect()
  t.is(await drip(it, 5, 1000), 1000)
  await it.pool.answer(upstream, OK)
  t.true(it.socket.sent.endsWith('ok'))
})

test('it is an average: a body that comes in bursts is not slow', async (t) => {
  const it = caller({ bodyIdleMs: 60_000 })
  await it.socket.arrive(POST)
  const upstream = it.pool.connect()
  for (let i = 0; i < 10; i++) {
    await it.socket.arrive('x'.repeat(100))
    it.pass(9500)
  }
  await it.pool.answer(upstream, OK)
  t.true(it.socket.sent.endsWith('ok'))
})

test('0 turns it off', async (t) => {
  const it = caller({ bodyBytesPerSecond: 0 })
  await it.socket.arrive(POST)
  it.pool.connect()
  t.is(await drip(it, 1, 200), 200)
  t.is(it.handler.ended.length, 0)
})

test('a caller that waits for a 100 before it sends is not slow', async (t) => {
  const it = caller({ bodyIdleMs: 60_000 })
  await it.socket.arrive(POST.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'))
  it.pool.connect()
  it.pass(50_000)
  t.is(it.handler.ended.length, 0)
})

test('a caller that we do not read is not slow', async (t) => {
  const it = caller({ bufferedBytesPerExchange: 100 })
  await it.socket.arrive(POST)
  const upstream = it.pool.connect()
  upstream.stalled = true
  await it.socket.arrive('x'.repeat(500))
  it.pass(60_000)
  t.is(it.handler.ended.length, 0)
  await upstream.letGo()
  t.is(await drip(it, 5, 500), 500)
  await it.pool.answer(upstream, OK)
  t.true(it.socket.sent.endsWith('ok'))
})

test('the next request on the same connection has its own average', async (t) => {
  const it = caller({ bodyIdleMs: 60_000 })
  await it.socket.arrive(`${POST}${'x'.repeat(10)}`)
  const upstream = it.pool.connect()
  it.pass(9500)
  await it.socket.arrive('x'.repeat(990))
  await it.pool.answer(upstream, OK)
  await it.socket.arrive(`${POST}${'x'.repeat(10)}`)
  it.pass(900)
  await it.socket.arrive('x'.repeat(990))
  await it.pool.answer(upstream, OK)
  t.deepEqual(
    it.handler.ended.map(({ status }) => status),
    [200, 200],
  )
})

test('on a link each exchange is held to it too', async (t) => {
  const it = servingEnd(LIMITS)
  const head = POST.replace('1000', '200')
  await it.send(open(1, head), open(2, head), open(3, head.replace('200', '0'), FLAG.end))
  for (const _ of [1, 2, 3]) it.upstream.connect()
  for (let i = 0; i < 30; i++) {
    await it.send(data(1, 'x'), i < 20 ? data(2, 'x'.repeat(10)) : '')
    for (let tick = 0; tick < 5; tick++) {
      it.clock.now += 100
      it.link.tick(it.clock.now)
    }
  }
  t.deepEqual(
    it.handler.ended.map(({ refused }) => refused?.limit),
    ['bodyBytesPerSecond'],
  )
})
