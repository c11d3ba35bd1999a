import test from 'ava'
import fc from 'fast-check'
import { anyAnswers, askedBy } from '../../support/answers.ts'
import { callerOf, MemoryPool } from '../../support/engine.ts'
import { engineAnswer } from '../../support/engine-answers.ts'
import { settled } from '../../support/memory-socket.ts'
import { cuts, placed } from '../../support/messages.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

/**
 * What a hostile or broken module says, and what becomes of it: 502 before an answer, a cut within;
 * a body that is broken is either, as it comes with its head or behind it.
 */
type Becomes = 'refused' | 'cut' | 'broken'
const HOSTILE: readonly (readonly [what: string, text: string, becomes: Becomes])[] = [
  ['garbage', 'hello\r\n\r\n', 'refused'],
  ['HTTP/0.9', '<html>hello</html>', 'refused'],
  ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n', 'refused'],
  ['an HTTP/2 frame', '\0\0\x12\x04\0\0\0\0\0', 'refused'],
  ['a bare LF in the status line', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n', 'refused'],
  ['a bare LF behind a line', 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n', 'refused'],
  ['a bare CR', 'HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n', 'refused'],
  ['obs-fold', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', 'refused'],
  ['NUL in a value', 'HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n', 'refused'],
  ['a blank before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n', 'refused'],
  ['no name', 'HTTP/1.1 200 OK\r\n: a\r\n\r\n', 'refused'],
  [
    'length and coding',
    `${'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'}0\r\n\r\n`,
    'refused',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'refused'],
  [
    'two equal lengths',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na',
    'refused',
  ],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na', 'refused'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'refused'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', 'refused'],
  [
    'chunks in HTTP/1.0',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'refused',
  ],
  [
    'a 101 without an Upgrade request',
    'HTTP/1.1 101 Up\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n',
    'refused',
  ],
  ['a flood of 1xx', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17), 'refused'],
  ['an endless status line', `HTTP/1.1 200 ${'a'.repeat(70_000)}`, 'refused'],
  ['an endless head', `HTTP/1.1 200 OK\r\n${`A: ${'b'.repeat(2000)}\r\n`.repeat(40)}`, 'refused'],
  ['too many lines', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(300)}`, 'refused'],
  ['the end before an answer', '', 'refused'],
  ['the end within a head', 'HTTP/1.1 200 OK\r\nConte', 'refused'],
  ['the end behind a 1xx', 'HTTP/1.1 100 Continue\r\n\r\n', 'refused'],
  ['a body that is too short', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'cut'],
  [
    'the end within a chunk',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc',
    'cut',
  ],
  [
    'the end before the last chunk',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    'cut',
  ],
  [
    'a chunk size that overflows',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
    'broken',
  ],
  [
    'a chunk size that is 1 in 32 bits',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000001\r\na\r\n0\r\n\r\n',
    'broken',
  ],
  [
    'a chunk size with a sign',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n',
    'broken',
  ],
  [
    'a bare LF behind a chunk size',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n',
    'broken',
  ],
  [
    'chunk data that spills',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    'broken',
  ],
  [
    'endless chunk extensions',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(5000)}\r\na\r\n`,
    'broken',
  ],
  [
    'endless trailers',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'A: b\r\n'.repeat(3000)}`,
    'broken',
  ],
  [
    'a length in the trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n',
    'broken',
  ],
]

for (const [what, text, becomes] of HOSTILE) {
  test(`a hostile answer: ${what}`, async (t) => {
    const headEnd = text.indexOf('\r\n\r\n') + 4
    for (const places of [[], [1], [text.length - 1], [10, 20, 30, 40], [headEnd]]) {
      const { sent, ended, kept } = await engineAnswer(
        'GET',
        text,
        places.filter((place) => place > 0 && place < text.length),
      )
      t.false(kept)
      t.truthy(ended?.refused)
      // What is broken within the read that brought its head is refused whole.
      const inOneRead = becomes === 'broken' && Math.max(0, ...places) < headEnd
      if (becomes === 'refused' || inOneRead) {
        t.is(ended?.status, 502)
        t.regex(sent, /^(HTTP\/1.1 100 Continue\r\n\r\n)*HTTP\/1.1 502 /)
      } else if (becomes === 'cut' || places[0] === headEnd) {
        t.is(ended?.outcome, 'upstream-gone')
        t.is(ended?.status, 200)
        t.false(sent.includes('\r\n0\r\n\r\n'), 'a cut answer must not look whole')
        t.false(sent.includes('502'))
      }
    }
  })
}

/** Answers after which the connection must not be used again, although the answer itself was fine. */
for (const [what, text] of [
  ['two answers at once', OK + OK],
  ['a body behind a 204', 'HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok'],
  ['a body behind a 304', 'HTTP/1.1 304 Not\r\nContent-Length: 2\r\n\r\nok'],
  ['CR LF behind a body', `${OK}\r\n`],
  ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  [
    'a Keep-Alive that is over at once',
    'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n',
  ],
] as const) {
  test(`the connection is not used again after ${what}`, async (t) => {
    const { sent, ended, kept } = await engineAnswer('GET', text)
    t.is(ended?.refused, null)
    t.false(kept)
    t.is(sent.match(/HTTP\//g)?.length, 1)
  })
}

test('the connection is used again after a plain answer, in HTTP/1.0 with keep-alive too', async (t) => {
  t.true((await engineAnswer('GET', OK)).kept)
  t.true((await engineAnswer('HEAD', OK.slice(0, -2))).kept)
  const old = 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n'
  t.true((await engineAnswer('GET', old)).kept)
})

test('a body behind an answer to HEAD ends the connection', async (t) => {
  t.false((await engineAnswer('HEAD', OK)).kept)
  t.false((await engineAnswer('HEAD', OK, [OK.length - 2])).kept)
})

test('whatever one exchange was answered, the next caller gets exactly its own answer', async (t) => {
  const poison = anyAnswers.map((text) => text.replaceAll('abc', 'poi'))
  await fc.assert(
    fc.asyncProperty(
      askedBy,
      fc.array(poison, { maxLength: 3 }),
      cuts,
      async (method, texts, at) => {
        const pool = new MemoryPool()
        const first = callerOf(pool.pool)
        const second = callerOf(pool.pool)
        await first.socket.arrive(`${method} /first HTTP/1.1\r\nHost: x\r\n\r\n`)
        const upstream = pool.connect()
        const text = texts.join('')
        const places = [0, ...[...placed(text, at)].sort((a, b) => a - b), text.length]
        for (let i = 1; i < places.length && !upstream.destroyed; i++) {
          const part = text.slice(places[i - 1], places[i])
          if (part !== '') await pool.answer(upstream, part)
        }
        const open = first.handler.ended.length === 0
        await second.socket.arrive('GET /second HTTP/1.1\r\nHost: x\r\n\r\n')
        const other = pool.dials > 0 ? pool.connect() : upstream
        await settled()
        if (open && other === upstream) throw new Error('two exchanges share a connection')
        if (!other.sent.endsWith('GET /second HTTP/1.1\r\nHost: upstream\r\n\r\n'))
          throw new Error('the second request was not sent')
        await pool.answer(other, OK)
        if (second.socket.sent !== OK) throw new Error(second.socket.sent)
        first.socket.destroy()
        if (!open && !upstream.destroyed && other !== upstream) throw new Error('left behind')
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})

test('bytes on an idle connection end it and reach no caller (CVE-2026-48931)', async (t) => {
  const pool = new MemoryPool()
  const first = callerOf(pool.pool)
  await first.socket.arrive(GET)
  const upstream = pool.connect()
  await pool.answer(upstream, OK)
  t.false(upstream.destroyed)
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
  t.true(upstream.destroyed)
  t.is(first.socket.sent, OK)
  await first.socket.arrive(GET)
  t.is(pool.dials, 1)
  await pool.answer(pool.connect(), OK)
  t.is(first.socket.sent, OK + OK)
})

test('an idle connection whose upstream ends is forgotten', async (t) => {
  const pool = new MemoryPool()
  const { socket } = callerOf(pool.pool)
  await socket.arrive(GET)
  const upstream = pool.connect()
  await pool.answer(upstream, OK)
  await upstream.arriveEnd()
  t.true(upstream.destroyed)
  await socket.arrive(GET)
  t.is(pool.dials, 1)
})

test('a slow reader stops only its own upstream, and gets everything', async (t) => {
  const pool = new MemoryPool()
  const { socket, connection } = callerOf(pool.pool)
  await socket.arrive(GET)
  const upstream = pool.connect()
  socket.stalled = true
  const part = 'x'.repeat(60_000)
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n'
  t.false(pool.read(upstream, head + part), 'reading stops')
  t.true(connection.blocked)
  t.is(connection.bufferedBytes, head.length + part.length)
  await socket.letGo()
  t.false(connection.blocked)
  for (let i = 1; i < 5; i++) await pool.answer(upstream, part)
  t.true(socket.sent.endsWith(part.repeat(5)))
  t.false(upstream.destroyed)
})

test('an upstream that takes nothing stops its caller', async (t) => {
  const pool = new MemoryPool()
  const { socket, handler } = callerOf(pool.pool)
  await socket.arrive('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n')
  t.true(socket.isPaused(), 'as long as there is no reader')
  const upstream = pool.connect()
  await settled()
  t.false(socket.isPaused())
  upstream.stalled = true
  await socket.arrive('x'.repeat(100_000))
  t.true(socket.isPaused())
  await upstream.letGo()
  t.false(socket.isPaused())
  await socket.arrive('x'.repeat(100_000))
  t.is(upstream.sent.length, upstream.sent.indexOf('\r\n\r\n') + 4 + 200_000)
  await pool.answer(upstream, OK)
  t.is(handler.ended[0]?.bytesIn, 200_000)
  t.is(socket.sent, OK)
})

test('a caller that leaves takes the upstream connection with it', async (t) => {
  const pool = new MemoryPool()
  const { socket } = callerOf(pool.pool)
  await socket.arrive(GET)
  const upstream = pool.connect()
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
  socket.destroy()
  await settled()
  t.true(upstream.destroyed)
  t.is(pool.pool.exchanges, 0)
})

test('limits.responseHeadMs', async (t) => {
  const clock = { now: 1000 }
  const pool = new MemoryPool({ responseHeadMs: 500 }, clock)
  const { socket } = callerOf(pool.pool, {}, clock)
  await socket.arrive(GET)
  const upstream = pool.connect()
  clock.now += 501
  pool.pool.tick(clock.now)
  t.regex(socket.sent, /^HTTP\/1.1 504 /)
  t.true(upstream.destroyed)
})

test('limits.responseIdleMs: an answer that stands still is cut, one that comes on is not', async (t) => {
  const clock = { now: 1000 }
  const pool = new MemoryPool({ responseIdleMs: 500 }, clock)
  const { socket, handler } = callerOf(pool.pool, {}, clock)
  const pass = (ms: number) => {
    clock.now += ms
    pool.pool.tick(clock.now)
  }
  await socket.arrive(GET)
  const upstream = pool.connect()
  pass(10_000)
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
  pass(499)
  await pool.answer(upstream, 'd')
  pass(499)
  t.is(handler.ended.length, 0)
  pass(1)
  t.is(handler.ended[0]?.refused?.limit, 'responseIdleMs')
  t.is(handler.ended[0]?.outcome, 'upstream-gone')
  await settled()
  t.true(socket.sent.endsWith('abcd'))
  t.true(socket.destroyed)
  t.true(upstream.destroyed)
})

test('responseIdleMs is not counted while the caller reads nothing, or still sends', async (t) => {
  const clock = { now: 1000 }
  const pool = new MemoryPool({ responseIdleMs: 500 }, clock)
  const { socket, handler } = callerOf(pool.pool, {}, clock)
  const pass = (ms: number) => {
    clock.now += ms
    pool.pool.tick(clock.now)
  }
  await socket.arrive('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha')
  const upstream = pool.connect()
  socket.stalled = true
  const length = 200_000
  await pool.answer(upstream, `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`)
  pass(5000)
  await socket.arrive('lf')
  await pool.answer(upstream, 'x'.repeat(100_000))
  pass(5000)
  t.is(handler.ended.length, 0)
  await socket.letGo()
  pass(499)
  t.is(handler.ended.length, 0)
  pass(1)
  t.is(handler.ended[0]?.refused?.limit, 'responseIdleMs')
})

test('over TLS an answer that ends with its connection is refused: a cut one would look the same', async (t) => {
  const pool = new MemoryPool()
  const caller = callerOf(pool.pool)
  await caller.socket.arrive(GET)
  const upstream = pool.connect(true)
  await pool.answer(upstream, 'HTTP/1.1 200 OK\r\n\r\nhalf of it')
  await upstream.arriveEnd()
  await settled()
  t.regex(caller.socket.sent, /^HTTP\/1\.1 502 /)
  t.false(caller.socket.sent.includes('half of it'))
})
