import test from 'ava'
import { FLOODED, floodError } from '../../../src/refusal/record-overhead.ts'
import { refuse } from '../../../src/refusal/refusal.ts'
import { FLAG, MOST_EXCHANGES, RESET, WINDOW_BYTES } from '../../../src/wire/link/frames.ts'
import { CallerTurns } from '../../../src/wire/link/refusal-turns.ts'
import { loadOf, type ServingEnd, servingEnd } from '../../support/link-ends.ts'
import {
  answerOf,
  credit,
  creditOf,
  data,
  end,
  get,
  goaway,
  head,
  open,
  ping,
  reset,
} from '../../support/link-frames.ts'
import { asRead } from '../../support/memory-socket.ts'
import { until } from '../../support/patience.ts'

const NO = refuse('route-not-declared', 'no')
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const post = (id: number, lines: string) => open(id, `POST /p HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)

/** The last thing said to exchange `id`. */
function last(end: ServingEnd, of: number) {
  return end.frames.findLast(({ id }) => id === of)
}

test('each exchange gets its own answer, whatever the order', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a'), get(2, '/b'))
  const a = it.upstream.connect()
  const b = it.upstream.connect()
  t.regex(a.sent, /^GET \/a /)
  await it.upstream.answer(b, OK.replace('ok', 'bb'))
  await it.upstream.answer(a, OK.replace('ok', 'aa'))
  t.true(answerOf(it.frames, 1).endsWith('\r\n\r\naa'))
  t.true(answerOf(it.frames, 2).endsWith('\r\n\r\nbb'))
  t.is(last(it, 1)!.flags & FLAG.end, FLAG.end)
  t.is(it.link.size, 0)
})

test('a body crosses frame by frame, and credit comes back when the module takes it', async (t) => {
  const it = servingEnd()
  const body = 'x'.repeat(WINDOW_BYTES)
  await it.send(post(1, `Content-Length: ${WINDOW_BYTES}\r\n`))
  const module = it.upstream.connect()
  module.stalled = true
  for (let i = 0; i < body.length; i += 16_000) await it.send(data(1, body.slice(i, i + 16_000)))
  t.is(it.frames.length, 0)
  await module.letGo()
  await it.send()
  t.is(
    it.frames.map(creditOf).reduce((sum, bytes) => sum + bytes, 0),
    WINDOW_BYTES,
  )
  await it.send(end(1))
  t.true(module.sent.endsWith(body))
  t.is(it.link.size, 1)
})

test('memory of a read is given back where no head was in it', async (t) => {
  const it = servingEnd()
  const lines = 'Content-Length: 39000\r\n'
  const begun = asRead(post(1, lines) + data(1, 'a'.repeat(12_000)))
  const two = data(1, 'b'.repeat(12_000)) + data(1, 'c'.repeat(15_000))
  // The second is the rest of a frame, and so all body.
  const [cut, rest] = [asRead(two.slice(0, 13_000)), asRead(two.slice(13_000))]
  await it.socket.arrive(begun)
  await it.send()
  const module = it.upstream.connect()
  module.stalled = true
  await it.socket.arrive(cut)
  await it.socket.arrive(rest)
  while (module.writableLength > 0) await module.letGo()
  await it.send(end(1))
  while (module.writableLength > 0) await module.letGo()
  t.true(module.sent.endsWith('a'.repeat(12_000) + 'b'.repeat(12_000) + 'c'.repeat(15_000)))
  t.deepEqual([cut.length, rest.length], [0, 0])
  t.true(begun.length > 12_000)
})

test('a long head comes in pieces; one that is too long is 431, and the link lives on', async (t) => {
  const it = servingEnd()
  const line = `X-Long: ${'y'.repeat(16_000)}\r\n`
  const pieces = (id: number, count: number) => [
    open(id, 'GET /a HTTP/1.1\r\nHost: x\r\n', FLAG.more),
    ...Array.from({ length: count }, () => open(id, line, FLAG.more)),
    open(id, '\r\n', FLAG.end),
  ]
  await it.send(...pieces(1, 3))
  t.is(it.upstream.connect().sent.split(line).length, 1 + 3)
  await it.send(...pieces(2, 30))
  t.regex(answerOf(it.frames, 2), /^HTTP\/1\.1 431 /)
  t.true(it.link.bufferedBytes < 2000)
  await it.send(get(3, '/b'))
  t.deepEqual(it.endings, [])
  t.is(it.link.size, 2)
})

const REFUSED: readonly (readonly [string, string, number])[] = [
  ['no HTTP', open(1, 'hello\r\n\r\n', FLAG.end), 400],
  ['half a head', open(1, 'GET / HTTP/1.1\r\nHost: x\r\n', FLAG.end), 400],
  ['two heads', open(1, 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2), FLAG.end), 400],
  [
    'a head with a body behind it',
    open(1, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx'),
    400,
  ],
  ['two lengths', post(1, 'Content-Length: 1\r\nContent-Length: 1\r\n'), 400],
  ['length and chunks', post(1, 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'), 400],
  ['an end without the body', post(1, 'Content-Length: 1\r\n') + end(1), 400],
  ['half a body', post(1, 'Content-Length: 2\r\n') + data(1, 'x', FLAG.end), 400],
  ['more body than said', post(1, 'Content-Length: 1\r\n') + data(1, 'xx', FLAG.end), 400],
  [
    'a body that was not announced',
    open(1, 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n') + data(1, 'x'),
    400,
  ],
  ['broken chunks', post(1, 'Transfer-Encoding: chunked\r\n') + data(1, 'zz\r\n'), 400],
  ['another version', open(1, 'GET / HTTP/2.0\r\nHost: x\r\n\r\n', FLAG.end), 505],
]

for (const [what, frames, status] of REFUSED) {
  test(`${what}: ${status} for that exchange, the others go on`, async (t) => {
    const it = servingEnd()
    await it.send(frames)
    // What needs a connection before it can be seen to be wrong.
    if (it.upstream.dials > 0) it.upstream.connect()
    await it.send()
    t.regex(answerOf(it.frames, 1), new RegExp(`^HTTP/1\\.1 ${status} `))
    t.is(it.link.size, 0)
    t.is(it.handler.ended.length, 1)
    await it.send(get(2, '/b'))
    const module = it.upstream.connect()
    await it.upstream.answer(module, OK)
    t.true(answerOf(it.frames, 2).endsWith('ok'))
    t.deepEqual(it.endings, [])
  })
}

const CLOSED: readonly (readonly [string, string, string])[] = [
  ['garbage', 'GET / HTTP/1.1\r\n\r\n', 'bad-frame'],
  ['an id that does not rise', get(2, '/a') + get(1, '/b'), 'bad-order'],
  ['an id twice', get(1, '/a') + get(1, '/b'), 'bad-order'],
  ['DATA for what was never opened', data(1, 'x'), 'bad-order'],
  ['END for what was never opened', end(1), 'bad-order'],
  ['CREDIT for what was never opened', credit(1, 32_768), 'bad-order'],
  ['RESET for what was never opened', reset(1, 1), 'bad-order'],
  ['HEAD from a caller', get(1, '/a') + head(1, OK), 'bad-order'],
  ['DATA behind END', get(1, '/a') + data(1, 'x'), 'bad-order'],
  ['END twice', get(1, '/a') + end(1), 'bad-order'],
  ['credit beyond the window', get(1, '/a') + credit(1, 1), 'bad-credit'],
  ['credit beyond all numbers', get(1, '/a') + credit(1, 0xffff_ffff), 'bad-credit'],
  ['no credit at all', get(1, '/a') + credit(1, 0), 'bad-credit'],
  ['OPEN behind GOAWAY', goaway() + get(1, '/a'), 'left'],
  ['a frame amid a head', open(1, 'GET ', FLAG.more) + ping(), 'bad-order'],
  ['another exchange amid a head', open(1, 'GET ', FLAG.more) + get(2, '/'), 'bad-order'],
  ['DATA amid a head', get(1, '/a') + open(2, 'GET ', FLAG.more) + data(1, 'x'), 'bad-order'],
]

for (const [what, frames, ending] of CLOSED) {
  test(`${what}: the link is closed, ${ending}`, async (t) => {
    const it = servingEnd()
    await it.send(frames)
    t.deepEqual(it.endings, [ending])
    if (ending !== 'left') t.true(it.socket.destroyed)
    t.is(it.link.size, 0)
    t.is(it.handler.heads.length, it.handler.ended.length)
    // Nothing is read any more.
    await it.send(get(9, '/late'))
    t.false(it.handler.heads.some(({ target }) => target === '/late'))
  })
}

test('more DATA of a caller than there was credit for closes the link', async (t) => {
  const it = servingEnd()
  await it.send(post(1, 'Content-Length: 1000000\r\n'))
  for (let i = 0; i < 4; i++) await it.send(data(1, 'x'.repeat(16_376)))
  t.true(it.link.bufferedBytes <= WINDOW_BYTES)
  await it.send(data(1, 'x'.repeat(16_376)))
  t.deepEqual(it.endings, ['bad-credit'])
  t.is(it.link.bufferedBytes, 0)
  t.is(it.handler.ended[0]?.outcome, 'caller-gone')
})

test('an answer waits for credit, and little of it is held in memory', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a'))
  const module = it.upstream.connect()
  const length = 4 * WINDOW_BYTES
  const text = `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${'z'.repeat(length)}`
  let i = 0
  // The pool's reader says when it has enough.
  for (let more = true; more && i < text.length; i += 65_536) {
    more = it.upstream.read(module, text.slice(i, i + 65_536))
  }
  await it.send()
  t.true(i < text.length)
  const sent = () => it.frames.filter(({ type }) => type === 'data').map(({ payload }) => payload)
  const before = sent().join('').length
  t.true(before > WINDOW_BYTES / 2 && before <= WINDOW_BYTES, `${before}`)
  t.true(it.link.bufferedBytes <= 65_536, `${it.link.bufferedBytes}`)
  // What is not asked for again is not read: all that can be sent is what has come already.
  it.upstream.read(module, text.slice(i, i + 65_536))
  await it.send()
  t.is(sent().join('').length, WINDOW_BYTES)
  await it.send(credit(1, 32_768))
  t.is(sent().join('').length, WINDOW_BYTES + 32_768)
})

test('RESET takes the module’s connection with it; the rest of the link is not touched', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a'), get(2, '/b'))
  const a = it.upstream.connect()
  const b = it.upstream.connect()
  await it.send(reset(1, RESET.cancelled))
  t.true(a.destroyed)
  t.is(it.handler.ended[0]?.outcome, 'caller-gone')
  await it.upstream.answer(b, OK)
  t.true(answerOf(it.frames, 2).endsWith('ok'))
})

test('a module that goes away: 502 before an answer, RESET amid one', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a'), get(2, '/b'))
  const a = it.upstream.connect()
  const b = it.upstream.connect()
  await it.upstream.answer(b, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  a.destroy()
  b.destroy()
  await it.send()
  t.regex(answerOf(it.frames, 1), /^HTTP\/1\.1 502 /)
  t.true(answerOf(it.frames, 2).endsWith('half'))
  t.is(last(it, 2)?.type, 'reset')
})

test('exchanges beyond the most are refused unread, those that are open are served', async (t) => {
  const it = servingEnd()
  const ids = Array.from({ length: MOST_EXCHANGES + 5 }, (_, i) => i + 1)
  await it.send(...ids.map((id) => get(id, `/${id}`)))
  t.is(it.link.size, MOST_EXCHANGES)
  const refused = it.frames.filter(({ type, payload }) => type === 'reset' && payload === '\x04')
  t.deepEqual(
    refused.map(({ id }) => id),
    ids.slice(MOST_EXCHANGES),
  )
  t.deepEqual(it.endings, [])
})

test('a peer that reads no answers opens no more exchanges', async (t) => {
  const it = servingEnd()
  it.socket.stalled = true
  for (let id = 1; id <= 4 * MOST_EXCHANGES; id++) await it.send(open(id, 'bad\r\n\r\n', FLAG.end))
  t.is(it.handler.ended.length, MOST_EXCHANGES)
  t.true(it.link.bufferedBytes < 256 * 1024, `${it.link.bufferedBytes}`)
})

test('unread answers count against the limit of all links together', async (t) => {
  const load = loadOf(70)
  const links = [servingEnd({}, load), servingEnd({}, load)]
  for (const it of links) it.socket.stalled = true
  for (let id = 1; id <= 50; id++) {
    for (const it of links) await it.send(open(id, 'bad\r\n\r\n', FLAG.end))
  }
  const ended = () => links.reduce((sum, { handler }) => sum + handler.ended.length, 0)
  t.is(load.held, 70)
  t.is(ended(), 70)
  t.true(links.every(({ limitHits }) => limitHits.includes('exchanges')))
  // What leaves makes room, and so does a link that ends.
  for (const it of links) await it.socket.letGo()
  await links[0]!.send(open(51, 'bad\r\n\r\n', FLAG.end))
  t.is(ended(), 71)
  for (const { link } of links) link.destroy()
  t.is(load.held, 0)
})

test('answers that one caller does not read are held against all its links, and no others', async (t) => {
  const [load, own, others] = [loadOf(1000), loadOf(5), loadOf(5)]
  const links = [servingEnd({}, load, own), servingEnd({}, load, own)]
  const other = servingEnd({}, load, others)
  for (const it of [...links, other]) it.socket.stalled = true
  for (let id = 1; id <= 20; id++) {
    for (const it of links) await it.send(open(id, 'bad\r\n\r\n', FLAG.end))
  }
  t.is(own.held, 5)
  t.is(links[0]!.handler.ended.length + links[1]!.handler.ended.length, 5)
  t.true(links.every(({ limitHits }) => limitHits.includes('exchangesToModule')))
  await other.send(open(1, 'bad\r\n\r\n', FLAG.end))
  t.is(other.handler.ended.length, 1)
  t.deepEqual(other.limitHits, [])
  for (const { link } of [...links, other]) link.destroy()
  t.deepEqual([load.held, own.held, others.held], [0, 0, 0])
})

test('opening and cancelling without end closes the link', async (t) => {
  const it = servingEnd()
  let id = 0
  while (it.endings.length === 0 && id < 10_000) {
    id++
    await it.send(get(id, '/a'), reset(id, RESET.cancelled))
  }
  t.deepEqual(it.endings, ['too-many-cancels'])
  t.is(id, 1025)
  t.is(it.handler.ended.length, id)
})

const CHUNKED = 'POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
const GET = 'GET /p HTTP/1.1\r\nHost: x\r\n\r\n'

for (const [what, exchange] of [
  ['a body that is broken', (id: number) => open(id, CHUNKED) + data(id, 'INVALID!!')],
  ['a body that is too long', (id: number) => open(id, CHUNKED) + data(id, '0\r\n\r\nmore')],
  ['a body that is too short', (id: number) => open(id, CHUNKED) + data(id, '1', FLAG.end)],
  ['no body where one is said', (id: number) => open(id, CHUNKED, FLAG.end)],
  ['two heads in one', (id: number) => open(id, GET + GET, FLAG.end)],
  ['a head that is none', (id: number) => open(id, 'hello', FLAG.end)],
] as const) {
  test(`a server that is made to refuse counts: ${what}`, async (t) => {
    const it = servingEnd()
    for (let id = 1; id <= 1024; id++) await it.send(exchange(id))
    t.deepEqual(it.endings, [])
    t.is(it.upstream.dials, 0)
    await it.send(exchange(1025))
    t.deepEqual(it.endings, ['too-many-cancels'])
  })
}

for (const [what, frames] of [
  ['pings', [ping()]],
  ['answers to pings that were not sent', [ping(FLAG.ack)]],
  ['GOAWAYs', [goaway()]],
  ['late frames', [data(1, 'x')]],
  ['late credit', [credit(1, 32_768)]],
] as const) {
  test(`${what} without end close the link, and cost no memory`, async (t) => {
    const it = servingEnd()
    await it.send(get(1, '/a'), get(2, '/b'), reset(1, 1))
    it.upstream.connect()
    it.socket.stalled = true
    let most = 0
    for (let i = 0; i < 100 && it.endings.length === 0; i++) {
      await it.send(frames[0].repeat(100))
      most = Math.max(most, it.link.bufferedBytes)
    }
    t.deepEqual(it.endings, ['too-much-noise'])
    t.true(most < 128 * 1024, `${most}`)
  })
}

test('crumbs of credit are noise', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a'))
  const module = it.upstream.connect()
  const length = WINDOW_BYTES
  await it.upstream.answer(module, `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`)
  it.upstream.read(module, 'z'.repeat(length - 1))
  await it.send()
  for (let i = 0; i < 50 && it.endings.length === 0; i++) await it.send(credit(1, 1).repeat(100))
  t.deepEqual(it.endings, ['too-much-noise'])
})

test('a link that is destroyed for a flood of records counts that limit, and no other error does', async (t) => {
  const flooded = servingEnd()
  flooded.socket.destroy(floodError())
  await flooded.send()
  t.deepEqual(flooded.endings, ['too-much-noise'])
  t.deepEqual(flooded.limitHits, ['recordOverheadBytesPerSecond'])
  // The sentence of an error may be anything, also the one that a limit has.
  const lost = servingEnd()
  lost.socket.destroy(new Error(FLOODED.because))
  await lost.send()
  t.deepEqual(lost.endings, ['lost'])
  t.deepEqual(lost.limitHits, [])
})

test('a frame that drips is given up; a head in pieces too', async (t) => {
  for (const begun of ['\x01\0', get(1, '/a').slice(0, -1), open(1, 'GET ', FLAG.more)]) {
    const it = servingEnd({ headMs: 1000 })
    await it.send(begun)
    for (let i = 0; i < 12; i++) {
      it.clock.now += 100
      if (i < 9 && begun.length > 12) await it.send(open(1, 'x', FLAG.more).slice(0, 0))
      it.link.tick(it.clock.now)
    }
    t.deepEqual(it.endings, ['slow-frame'])
  }
})

test('when memory is short, half a head in frames ends its link, and no other', async (t) => {
  const half = servingEnd()
  await half.send(open(1, `GET / HTTP/1.1\r\nX: ${'x'.repeat(16_000)}`, FLAG.more))
  const held = half.link.heldForCaller
  t.true(held > 16_000)
  half.link.shed(held)
  t.deepEqual(half.endings, ['slow-frame'])
  const body = servingEnd()
  await body.send(post(1, 'Content-Length: 9999\r\n'), data(1, 'x'.repeat(5000)))
  body.link.shed(body.link.heldForCaller)
  t.deepEqual(body.endings, [])
  // The refusal.
  t.true(body.link.heldForCaller < 1000)
})

test('a body that does not come on is 408', async (t) => {
  const it = servingEnd({ bodyIdleMs: 1000 })
  await it.send(post(1, 'Content-Length: 9\r\n'), data(1, 'x'))
  it.upstream.connect()
  for (let i = 0; i < 12; i++) {
    it.clock.now += 100
    it.link.tick(it.clock.now)
  }
  await it.send()
  t.regex(answerOf(it.frames, 1), /^HTTP\/1\.1 408 /)
  t.deepEqual(it.endings, [])
})

test('an answer for which the caller gives no credit ends after callerReadIdleMs, and never with 0', async (t) => {
  for (const callerReadIdleMs of [1000, 0]) {
    const it = servingEnd({ callerReadIdleMs, bodyIdleMs: 300 })
    await it.send(get(1, '/a'))
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'
    // The credit of the window is used up; no byte more has been read of the upstream.
    const fits = 'x'.repeat(65_536 - head.length)
    await it.upstream.answer(it.upstream.connect(), head + fits)
    for (let i = 0; i < 50; i++) {
      it.clock.now += 100
      it.link.tick(it.clock.now)
    }
    await it.send()
    t.is(
      it.frames.some(({ type }) => type === 'reset'),
      callerReadIdleMs > 0,
    )
    t.is(it.handler.ended[0]?.refused?.limit, callerReadIdleMs > 0 ? 'callerReadIdleMs' : undefined)
    t.deepEqual(it.endings, [])
  }
})

test('silence is asked about, then it is the end; an answer keeps the link', async (t) => {
  for (const answers of [true, false]) {
    const it = servingEnd()
    for (let i = 0; i < 320; i++) {
      it.clock.now += 100
      it.link.tick(it.clock.now)
      await it.send(i === 200 && answers ? ping(FLAG.ack) : '')
    }
    t.is(it.frames[0]?.type, 'ping')
    t.deepEqual(it.endings, answers ? [] : ['silent'])
  }
})

test('a process that stood still ends no connection for it', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a').slice(0, 9))
  it.clock.now += 100
  it.link.tick(it.clock.now)
  it.clock.now += 3_600_000
  it.link.tick(it.clock.now)
  await it.send(get(1, '/a').slice(9))
  t.deepEqual(it.endings, [])
  t.is(it.handler.heads.length, 1)
})

test('refused requests of one read are spread over many turns, and none is lost', async (t) => {
  const it = servingEnd()
  it.handler.judge = ({ target }) => (target === '/no' ? NO : null)
  let most = 0
  let before = 0
  const count = () => {
    most = Math.max(most, it.handler.heads.length - before)
    before = it.handler.heads.length
    if (before < 401) setImmediate(count)
  }
  setImmediate(count)
  const ids = Array.from({ length: 400 }, (_, i) => i + 1)
  await it.send(...ids.map((id) => get(id, '/no')), get(401, '/a'))
  await until(() => it.handler.heads.length === 401)
  t.true(most <= 10, `${most} in one turn`)
  await it.upstream.answer(it.upstream.connect(), OK)
  await it.send()
  t.true(answerOf(it.frames, 401).endsWith('ok'))
  for (const id of ids) t.regex(answerOf(it.frames, id), /^HTTP\/1\.1 403 /)
  t.deepEqual(it.endings, [])
})

test('what is refused unread is refused in the turn in which it came; the rest is served', async (t) => {
  const it = servingEnd()
  it.handler.unread = (head) => /^(GET|POST) \/no /.test(head)
  const ids = Array.from({ length: 400 }, (_, i) => i + 1)
  let inFirstTurn = 0
  setImmediate(() => setImmediate(() => (inFirstTurn = it.frames.length)))
  await it.send(...ids.map((id) => get(id, '/no')), get(401, '/a'))
  t.is(inFirstTurn, 400)
  for (const id of ids)
    t.like(last(it, id), { type: 'reset', payload: String.fromCharCode(RESET.refused) })
  await it.upstream.answer(it.upstream.connect(), OK)
  await it.send()
  t.true(answerOf(it.frames, 401).endsWith('ok'))
  t.is(it.handler.heads.length, 1)
  t.is(it.handler.ended.length, 1)
  // A request with a body is looked at: what comes of it would be noise.
  await it.send(
    open(402, 'POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n'),
    data(402, 'hi'),
    end(402),
  )
  t.is(it.handler.heads.length, 2)
  t.deepEqual(it.endings, [])
})

test('of those that are refused unread one link has so many a turn, and none is lost', async (t) => {
  const it = servingEnd()
  it.handler.unread = () => true
  const ids = Array.from({ length: 3000 }, (_, i) => i + 1)
  let most = 0
  let before = 0
  const count = () => {
    const now = it.frames.length
    most = Math.max(most, now - before)
    before = now
    if (now < ids.length) setImmediate(count)
  }
  setImmediate(count)
  await it.send(...ids.map((id) => get(id, '/no')))
  await until(() => it.frames.length === ids.length)
  t.true(most <= 1100, `${most} in one turn`)
  t.deepEqual(it.endings, [])
})

test('of all links of one caller so many are refused in a turn, each in its turn', async (t) => {
  const turns = new CallerTurns()
  const links = Array.from({ length: 20 }, () =>
    servingEnd({}, loadOf(10_000), loadOf(10_000), null, turns),
  )
  for (const { handler } of links) handler.judge = () => NO
  const ids = Array.from({ length: 40 }, (_, i) => i + 1)
  const refused = () => links.map(({ handler }) => handler.heads.length)
  const all = () => refused().reduce((sum, each) => sum + each)
  let [most, before, apart] = [0, 0, 0]
  const count = () => {
    most = Math.max(most, all() - before)
    before = all()
    apart = Math.max(apart, Math.max(...refused()) - Math.min(...refused()))
    if (before < 800) setImmediate(count)
  }
  setImmediate(count)
  await Promise.all(links.map((it) => it.send(...ids.map((id) => get(id, '/no')))))
  await until(() => all() === 800)
  t.true(most <= 40, `${most} in one turn`)
  t.true(apart <= 16, `${apart} more of one than of another`)
  for (const it of links) {
    await it.send()
    for (const id of ids) t.regex(answerOf(it.frames, id), /^HTTP\/1\.1 403 /)
    t.deepEqual(it.endings, [])
  }
})

test('a link that is not read for a while is not taken for one that brings no data', async (t) => {
  for (const [what, ending] of [
    ['data', []],
    ['noise', ['too-much-noise']],
  ] as const) {
    const below = { bytesRead: 0 }
    const it = servingEnd({}, loadOf(10_000), loadOf(10_000), below)
    const requests = Array.from({ length: 8000 }, (_, i) => get(i + 1, '/a')).join('')
    it.socket.pause()
    // As TLS does it: records of 16 KiB, with a header and a tag each.
    for (let i = 0; i < requests.length; i += 16_384) {
      const record = requests.slice(i, i + 16_384)
      if (what === 'data') it.socket.push(Buffer.from(record, 'latin1'))
      below.bytesRead += record.length + 22
    }
    t.true(below.bytesRead > 200_000)
    it.clock.now += 1000
    it.link.tick(it.clock.now)
    t.deepEqual(it.endings, ending, what)
    it.link.destroy()
  }
})

test('draining: GOAWAY; what was sent before is served, then it ends', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a'))
  const a = it.upstream.connect()
  it.link.drain()
  await it.send(get(2, '/b'), goaway())
  t.is(it.frames[0]?.type, 'goaway')
  await it.upstream.answer(a, OK)
  await it.upstream.answer(a, OK)
  await it.send()
  t.true(answerOf(it.frames, 1).endsWith('ok'))
  t.true(answerOf(it.frames, 2).endsWith('ok'))
  t.deepEqual(it.endings, ['left'])
  t.true(it.socket.writableEnded)
})

test('a caller that takes no notice of GOAWAY gets its exchanges back after a while', async (t) => {
  const it = servingEnd()
  await it.send(get(1, '/a'))
  it.link.drain()
  it.clock.now += 2500
  await it.send(get(2, '/b'))
  t.is(last(it, 2)?.type, 'reset')
  t.is(last(it, 2)?.payload, '\x05', 'its OPEN is given back')
  t.is(it.link.size, 1)
})
