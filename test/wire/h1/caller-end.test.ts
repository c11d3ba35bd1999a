import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import tls from 'node:tls'
import test from 'ava'
import type { Limit } from '../../../src/refusal/limits.ts'
import type { Underlying } from '../../../src/refusal/record-overhead.ts'
import { CallerEnd } from '../../../src/wire/h1/caller-end.ts'
import { Downstream } from '../../../src/wire/h1/downstream.ts'
import { MemoryPool, PlainHandler, settingsWith } from '../../support/engine.ts'
import { MemorySocket, settled } from '../../support/memory-socket.ts'
import { Authority } from '../../transport/authority.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const HALF_CLOSE_MS = 500

/** A caller in memory, in front of one upstream. */
function caller(below: Underlying | null = null) {
  const clock = { now: 0 }
  const limits = { halfCloseMs: HALF_CLOSE_MS }
  const pool = new MemoryPool(limits, clock)
  const handler = new PlainHandler(pool.pool)
  const socket = new MemorySocket()
  const hits: Limit[] = []
  const settings = { ...settingsWith(limits, clock), limitHit: (limit: Limit) => hits.push(limit) }
  const connection = new Downstream(socket, null, handler, settings, () => {}, below)
  const at = async (now: number) => {
    clock.now = now
    connection.tick(now)
    await settled()
  }
  return { socket, handler, pool, hits, at }
}

test('a caller that ended its side is answered, as long as the answer comes in time', async (t) => {
  const { socket, pool, at } = caller()
  await socket.arrive(get('/slow'))
  await socket.arriveEnd()
  await at(HALF_CLOSE_MS - 1)
  await pool.answer(pool.connect(), OK)
  t.true(socket.sent.endsWith('\r\n\r\nok'))
  t.true(socket.writableEnded)
})

test('after limits.halfCloseMs without a byte for it, it gives its place back', async (t) => {
  const { socket, handler, pool, at } = caller()
  await socket.arrive(get('/slow'))
  const upstream = pool.connect()
  await socket.arriveEnd()
  await at(1)
  await at(HALF_CLOSE_MS)
  t.is(handler.ended.length, 0)
  await at(HALF_CLOSE_MS + 1)
  t.is(handler.ended[0]?.refused?.limit, 'halfCloseMs')
  t.true(upstream.destroyed)
  // If it reads after all, it is told.
  t.regex(socket.sent, /^HTTP\/1\.1 408 /)
})

test('as long as its answer comes on, it is waited for', async (t) => {
  const { socket, handler, pool, at } = caller()
  await socket.arrive(get('/long'))
  const upstream = pool.connect()
  await socket.arriveEnd()
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n')
  for (let i = 1; i <= 20; i++) {
    await at(i * (HALF_CLOSE_MS - 10))
    await pool.answer(upstream, 'a')
  }
  t.is(handler.ended.length, 0)
  await at(20 * HALF_CLOSE_MS)
  await at(21 * HALF_CLOSE_MS)
  t.is(handler.ended.length, 1)
  // Its answer had begun: it is cut so that it does not look whole.
  t.true(socket.destroyed)
  t.true(upstream.destroyed)
})

test('each of several requests that were sent before the end has its own time', async (t) => {
  const { socket, handler, pool, at } = caller()
  await socket.arrive(get('/1') + get('/2') + get('/3'))
  await socket.arriveEnd()
  let now = 0
  for (let i = 0; i < 3; i++) {
    now += HALF_CLOSE_MS - 10
    await at(now)
    await pool.answer(i === 0 ? pool.connect() : pool.sockets[0]!, OK)
  }
  t.deepEqual(
    handler.ended.map(({ status }) => status),
    [200, 200, 200],
  )
})

test('the end of a caller is noticed although input before it was not read', async (t) => {
  const { socket, handler, pool, at } = caller()
  await socket.arrive(get('/slow') + get('/2'))
  pool.connect()
  await socket.arrive(get('/3'))
  t.true(socket.isPaused())
  socket.push(null)
  socket.read(0)
  await settled()
  await at(1)
  await at(2)
  await at(HALF_CLOSE_MS + 10)
  t.is(handler.ended.length, 1)
  t.is(handler.ended[0]?.refused?.limit, 'halfCloseMs')
})

test('one that has not ended is waited for without end', async (t) => {
  const { socket, handler, pool, at, hits } = caller()
  await socket.arrive(get('/slow'))
  const upstream = pool.connect()
  for (let i = 1; i < 10; i++) await at(i * 3_600_000)
  t.is(handler.ended.length, 0)
  t.deepEqual(hits, [])
  await pool.answer(upstream, OK)
  t.is(handler.ended[0]?.status, 200)
})

test('over TLS an end without a word below is the caller’s, at once', async (t) => {
  const below = { bytesRead: 100 }
  const { socket, handler, pool } = caller(below)
  await socket.arrive(get('/slow'))
  const upstream = pool.connect()
  // A close_notify that came with the request would have been heard by now.
  await settled()
  await socket.arriveEnd()
  t.is(handler.ended[0]?.outcome, 'caller-gone')
  t.true(upstream.destroyed)
  t.true(socket.destroyed)
})

test('over TLS an end that came with the request may have been said', async (t) => {
  const { socket, handler, pool } = caller({ bytesRead: 100 })
  socket.push(Buffer.from(get('/slow')))
  await socket.arriveEnd()
  t.is(handler.ended.length, 0)
  await pool.answer(pool.connect(), OK)
  t.true(socket.sent.endsWith('\r\n\r\nok'))
})

test('over TLS a close_notify alone does not cancel the exchange', async (t) => {
  const below = { bytesRead: 100 }
  const { socket, handler, pool } = caller(below)
  await socket.arrive(get('/slow'))
  below.bytesRead += 24
  await socket.arriveEnd()
  t.is(handler.ended.length, 0)
  await pool.answer(pool.connect(), OK)
  t.true(socket.sent.endsWith('\r\n\r\nok'))
})

// --- real TLS ------------------------------------------------------------------------------------

const root = new Authority('root')
const { key, cert } = root.issue('mod-users-19.7.0')

/** What the end of a client's connection is taken for: gone, or perhaps still reading. */
async function taken(version: tls.SecureVersion, client: (socket: tls.TLSSocket) => void) {
  const server = tls.createServer({ key, cert, minVersion: version, maxVersion: version })
  const carriers = new Map<number | undefined, Socket>()
  server.on('connection', (socket: Socket) => carriers.set(socket.remotePort, socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const served = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>
  const options = { port, host: '127.0.0.1', ca: root.cert, allowHalfOpen: true }
  const socket = tls.connect({ ...options, checkServerIdentity: () => undefined })
  socket.on('error', () => {})
  const [inside] = await served
  inside.allowHalfOpen = true
  inside.on('error', () => {})
  const end = new CallerEnd(carriers.get(inside.remotePort) ?? null)
  inside.on('data', () => {
    end.heard()
    inside.write('x')
  })
  const gone = new Promise<boolean>((resolve) => {
    inside.on('end', () => resolve(end.end(0)))
  })
  client(socket)
  const result = await gone
  socket.destroy()
  inside.destroy()
  server.close()
  return result
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [how, client, expected] of [
    ['ends its side with the request', (s: Socket) => s.end('request'), false],
    [
      'ends its side later',
      (s: Socket) => {
        s.write('request')
        s.once('data', () => s.end())
      },
      false,
    ],
    [
      'ends its side after much',
      (s: Socket) => {
        s.write(Buffer.alloc(1_000_000))
        s.once('data', () => s.end('more'))
      },
      false,
    ],
    [
      'is gone',
      (s: Socket) => {
        s.write('request')
        s.once('data', () => setTimeout(() => s.destroy(), 20))
      },
      true,
    ],
    [
      'is gone after much',
      (s: Socket) => {
        s.write(Buffer.alloc(1_000_000))
        let came = 0
        s.on('data', (bytes) => {
          came += bytes.length
          if (came > 60) setTimeout(() => s.destroy(), 20)
        })
      },
      true,
    ],
  ] as const) {
    test(`${version}: a client that ${how} is ${expected ? 'known to be gone' : 'answered'}`, async (t) => {
      for (let round = 0; round < 5; round++) t.is(await taken(version, client), expected)
    })
  }
}
