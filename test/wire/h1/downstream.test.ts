import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { refuse } from '../../../src/refusal/refusal.ts'
import { Downstream } from '../../../src/wire/h1/downstream.ts'
import {
  CapturingUpstream,
  callerOf,
  MemoryPool,
  PlainHandler,
  settingsWith,
} from '../../support/engine.ts'
import { MemorySocket, settled } from '../../support/memory-socket.ts'
import { until } from '../../support/patience.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const post = (path: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`
const NO = refuse('route-not-declared', 'no')

/** A caller in front of one upstream connection that is already there. */
async function pooled() {
  const pool = new MemoryPool()
  const bench = callerOf(pool.pool)
  return { ...bench, pool }
}

test('a pipelined request that is cut by its packet is read on after the answer before it', async (t) => {
  const { socket, pool, handler } = await pooled()
  const second = get('/2')
  for (let cut = 1; cut < second.length; cut++) {
    await socket.arrive(get('/1') + second.slice(0, cut))
    const upstream = pool.sockets[0] ?? pool.connect()
    await pool.answer(upstream, OK)
    await socket.arrive(second.slice(cut))
    t.is(handler.heads.length, cut * 2, `cut at ${cut}`)
    await pool.answer(upstream, OK)
  }
  t.is(pool.sockets.length, 1)
})

test('a caller that has ended gets every answer, refused or not', async (t) => {
  const { socket, pool, handler } = await pooled()
  handler.judge = ({ target }) => (target.startsWith('/no') ? NO : null)
  await socket.arrive(get('/1') + get('/no') + get('/3') + get('/no') + get('/5'))
  await socket.arriveEnd()
  const upstream = pool.connect()
  for (let i = 0; i < 3; i++) await pool.answer(upstream, OK)
  t.deepEqual(
    handler.heads.map(({ target }) => target),
    ['/1', '/no', '/3', '/no', '/5'],
  )
  t.deepEqual(
    socket.sent
      .match(/HTTP\/1.1 \d+/g)
      ?.join(' ')
      .match(/\d{3}/g),
    ['200', '403', '200', '403', '200'],
  )
  t.true(socket.writableFinished)
})

test('of refused requests in one read each has a turn of its own, so that others have theirs', async (t) => {
  const { socket, handler } = await pooled()
  handler.judge = () => NO
  let turns = 0
  let most = 0
  let before = 0
  const count = () => {
    turns++
    most = Math.max(most, handler.heads.length - before)
    before = handler.heads.length
    if (before < 500) setImmediate(count)
  }
  setImmediate(count)
  await socket.arrive(get('/no').repeat(500))
  await until(() => handler.heads.length === 500)
  t.is(most, 1)
  t.true(turns > 400)
  await socket.arriveEnd()
  await until(() => socket.writableFinished)
  t.is(socket.sent.split('HTTP/1.1 403').length - 1, 500)
})

test('a caller that ends within a body is forgotten, and so is the upstream connection', async (t) => {
  const { socket, upstream, handler } = callerOf(new CapturingUpstream())
  await socket.arrive(`${post('/', 10)}abc`)
  await socket.arriveEnd()
  t.true(upstream.last?.cancelled)
  t.false(upstream.last?.whole)
  t.deepEqual(
    handler.ended.map(({ outcome, status }) => [outcome, status]),
    [['caller-gone', 0]],
  )
  t.true(socket.destroyed)
})

test('a caller that ends its side within a head gets no answer', async (t) => {
  const { socket, handler } = callerOf(new CapturingUpstream())
  await socket.arrive('GET / HTT')
  await socket.arriveEnd()
  t.is(socket.sent, '')
  t.deepEqual(handler.ended, [])
  t.true(socket.writableFinished)
})

test('the body of a refused request is never read as a request', async (t) => {
  const { socket, handler, upstream } = callerOf(new CapturingUpstream())
  handler.judge = ({ target }) => (target === '/no' ? NO : null)
  const inner = get('/inner')
  await socket.arrive(post('/no', inner.length) + inner + get('/after'))
  await until(() => handler.heads.length === 2)
  t.deepEqual(
    handler.heads.map(({ target }) => target),
    ['/no', '/after'],
  )
  t.is(upstream.exchanges.length, 1)
})

test('an answer of our own before the body is whole closes: the rest is no request', async (t) => {
  const { socket, handler, upstream } = callerOf(new CapturingUpstream())
  const inner = get('/inner')
  await socket.arrive(post('/', inner.length))
  upstream.last!.x.reply(200, (close) => {
    t.true(close)
    return Buffer.from(OK)
  })
  await socket.arrive(inner)
  t.is(handler.heads.length, 1)
  t.is(socket.sent, OK)
  t.true(socket.writableFinished)
})

test('a caller that asks for a 100 before a refused body is cut off: its next bytes cannot be told apart', async (t) => {
  for (const expect of [
    'Expect: 100-continue',
    'expect: 100-CONTINUE',
    'Expect: 100-continue, x',
    'Expect: 100-continue\r\nExpect: x',
    'Expect: 100-continue\r\nConnection: Expect',
    'Expect:',
  ]) {
    const { socket, handler } = callerOf(new CapturingUpstream())
    handler.judge = () => NO
    await socket.arrive(`POST / HTTP/1.1\r\nHost: x\r\n${expect}\r\nContent-Length: 9\r\n\r\n`)
    t.true(socket.sent.includes('Connection: close'), expect)
    await socket.arrive(get('/'))
    t.is(handler.heads.length, 1, expect)
  }
})

test('the last answer reaches a slow reader whole, however long it lingers', async (t) => {
  const { socket, upstream, connection, clock } = callerOf(new CapturingUpstream())
  socket.stalled = true
  await socket.arrive('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  upstream.last!.x.reply(200, () => Buffer.from(OK))
  clock.now += 30_000
  connection.tick(clock.now)
  t.false(socket.destroyed)
  await socket.letGo()
  t.is(socket.sent, OK)
  clock.now += 2_000
  connection.tick(clock.now)
  t.true(socket.destroyed)
})

test('a reader that takes nothing of the last answer is cut when limits.callerReadIdleMs is over', async (t) => {
  const { socket, upstream, connection, clock } = callerOf(new CapturingUpstream())
  socket.stalled = true
  await socket.arrive('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  upstream.last!.x.reply(200, () => Buffer.from(OK))
  clock.now += 299_999
  connection.tick(clock.now)
  t.false(socket.destroyed)
  clock.now += 1
  connection.tick(clock.now)
  t.true(socket.destroyed)
})

test('a caller that goes on sending after its answer is not read, and not cut before it could read', async (t) => {
  const { socket, upstream, connection, clock } = callerOf(new CapturingUpstream())
  await socket.arrive(post('/', 10_000_000))
  upstream.last!.x.reply(413, () => Buffer.from(OK))
  for (let i = 0; i < 4; i++) await socket.arrive('x'.repeat(65_536))
  t.false(socket.destroyed)
  t.true(socket.isPaused())
  clock.now += 2_000
  connection.tick(clock.now)
  t.true(socket.destroyed)
})

test('deadlines: a head, a body, an idle connection; each ends as it must', async (t) => {
  const head = callerOf(new CapturingUpstream())
  await head.socket.arrive('GET / HT')
  head.clock.now += 10_001
  head.connection.tick(head.clock.now)
  t.regex(head.socket.sent, /^HTTP\/1.1 408 /)
  t.is(head.handler.ended[0]?.method, -1)

  const body = callerOf(new CapturingUpstream())
  await body.socket.arrive(`${post('/', 10)}abc`)
  body.clock.now += 60_001
  body.connection.tick(body.clock.now)
  t.regex(body.socket.sent, /^HTTP\/1.1 408 /)
  t.true(body.upstream.last?.cancelled)

  const idle = callerOf(new CapturingUpstream())
  idle.clock.now += 75_001
  idle.connection.tick(idle.clock.now)
  await settled()
  t.is(idle.socket.sent, '')
  t.true(idle.socket.writableFinished)

  const waiting = callerOf(new CapturingUpstream())
  await waiting.socket.arrive(get('/'))
  waiting.clock.now += 3_600_000
  waiting.connection.tick(waiting.clock.now)
  t.false(waiting.socket.destroyed)
  t.is(waiting.socket.sent, '')
})

test('a sender that waits for the upstream does not stall', async (t) => {
  const { socket, upstream, connection, clock, handler } = callerOf(new CapturingUpstream())
  await socket.arrive(post('/', 10))
  upstream.last!.blocked = true
  await socket.arrive('abc')
  clock.now += 60_001
  connection.tick(clock.now)
  t.deepEqual(handler.ended, [])
  upstream.last!.blocked = false
  connection.resume()
  await socket.arrive('defghij')
  t.true(upstream.last?.text.endsWith('\r\n\r\nabcdefghij'))
  t.true(upstream.last?.whole)
})

test('an unreadable request is refused once, whatever follows in the same packet', async (t) => {
  const { socket, handler, upstream } = callerOf(new CapturingUpstream())
  await socket.arrive(`GET  / HTTP/1.1\r\n\r\n${get('/')}`)
  await socket.arrive(get('/'))
  t.is(socket.sent.match(/HTTP\/1.1 400 /g)?.length, 1)
  t.is(handler.ended.length, 1)
  t.is(upstream.exchanges.length, 0)
})

test('a caller that is reset while it waits is forgotten', async (t) => {
  const { socket, handler, upstream } = callerOf(new CapturingUpstream())
  await socket.arrive(get('/'))
  socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  await settled()
  t.true(upstream.last?.cancelled)
  t.is(handler.ended[0]?.outcome, 'caller-gone')
})

test('draining: the answer of now says that it is the last, and an idle caller is let go', async (t) => {
  const { socket, pool, connection } = await pooled()
  await socket.arrive(get('/1'))
  const upstream = pool.connect()
  connection.drain()
  await pool.answer(upstream, OK)
  t.is(socket.sent, OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  t.true(socket.writableFinished)

  const idle = callerOf(pool.pool)
  idle.connection.drain()
  await idle.socket.arrive(get('/2'))
  await pool.answer(upstream, OK)
  t.regex(idle.socket.sent, /^HTTP\/1.1 200 OK\r\n.*Connection: close\r\n\r\nok$/s)

  const silent = callerOf(pool.pool)
  silent.connection.drain()
  silent.clock.now += 300
  silent.connection.tick(silent.clock.now)
  await settled()
  t.true(silent.socket.writableFinished)
})

test('a caller over a Unix socket is cut too: it has no reset', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wire-'))
  const path = join(folder, 's')
  const upstream = new CapturingUpstream()
  const handler = new PlainHandler(upstream)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Downstream(socket, null, handler, settingsWith(), () => {})
    t.truthy(connection)
  }).listen(path)
  await once(server, 'listening')
  const socket = new Socket().connect(path)
  socket.on('error', () => {})
  socket.write(get('/'))
  while (upstream.last === undefined) await settled()
  upstream.last.x.hangUp()
  socket.resume()
  await once(socket, 'close')
  t.is(handler.ended[0]?.outcome, 'upstream-gone')
  server.close()
  rmSync(folder, { recursive: true })
})

test('a socket that closes before its first byte does no harm', async (t) => {
  const socket = new MemorySocket()
  const handler = new PlainHandler(new CapturingUpstream())
  let closed = 0
  const connection = new Downstream(socket, null, handler, settingsWith(), () => closed++)
  socket.destroy()
  connection.drain()
  connection.tick(1e9)
  connection.resume()
  connection.abort()
  await settled()
  t.is(closed, 1)
  t.deepEqual(handler.ended, [])
})
