import test from 'ava'
import { refuse } from '../../../src/refusal/refusal.ts'
import { FLAG, RESET, WINDOW_BYTES } from '../../../src/wire/link/frames.ts'
import { type CallingEnd, callingEnd, servingEnd } from '../../support/link-ends.ts'
import { credit, data, get, goaway, head, open, reset } from '../../support/link-frames.ts'
import type { MemorySocket } from '../../support/memory-socket.ts'

// A sidecar that is stopped gives back what has reached no module, and says so in the protocol. Only then
// is a request sent a second time, and to another link.

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
const back = (id: number) => reset(id, RESET.undelivered)

async function asked(it: CallingEnd, request = GET) {
  const caller = it.caller()
  await caller.socket.arrive(request)
  const link = it.connect()
  await it.send(link, '')
  return { caller, link }
}

/** What an exchange has sent: head and body, and whether it is whole. */
function sent(it: CallingEnd, socket: MemorySocket, id = 1) {
  const frames = it.framesOf(socket).filter((frame) => frame.id === id)
  const body = frames.filter(({ type }) => type === 'data')
  return {
    head: frames.find(({ type }) => type === 'open')?.payload,
    body: body.map(({ payload }) => payload).join(''),
    whole: frames.some(({ flags, type }) => (flags & FLAG.end) !== 0 || type === 'end'),
  }
}

test('an exchange that is given back is sent once more, on another link', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  await it.send(link, goaway(), back(1))
  t.is(caller.socket.sent, '')
  const other = it.connect()
  await it.send(other, '')
  t.deepEqual(sent(it, other), sent(it, link))
  await it.send(other, head(1, OK), data(1, 'ok', FLAG.end))
  t.is(caller.socket.sent, `${OK}ok`)
  t.deepEqual(it.avoided, ['0 later', '0 rest'])
  t.deepEqual(it.endings, ['left'])
  t.is(it.peer.exchanges, 0)
  t.is(it.peer.bufferedBytes, 0)
  t.is(caller.handler.ended.length, 1)
})

test('a link that gives back without GOAWAY is left too', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  await it.send(link, back(1))
  t.is(it.framesOf(link).at(-1)?.type, 'goaway')
  t.is(it.dials, 1)
  await it.send(it.connect(), head(1, OK), data(1, 'ok', FLAG.end))
  t.is(caller.socket.sent, `${OK}ok`)
})

const POST = 'POST /a HTTP/1.1\r\nHost: x\r\n'
for (const [what, request, rest] of [
  ['a body that is whole', `${POST}Content-Length: 5\r\n\r\nwhole`, ''],
  ['half a body', `${POST}Content-Length: 9\r\n\r\nhalf `, 'rest'],
  ['chunks', `${POST}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`, '4\r\nrest\r\n0\r\n\r\n'],
  [
    'a body as large as the window',
    `${POST}Content-Length: ${WINDOW_BYTES + 9}\r\n\r\n${'x'.repeat(WINDOW_BYTES)}`,
    'the rest.',
  ],
  [
    'a body of which a part still waits for credit',
    `${POST}Content-Length: ${2 * WINDOW_BYTES}\r\n\r\n${'x'.repeat(WINDOW_BYTES + 10_000)}`,
    'y'.repeat(WINDOW_BYTES - 10_000),
  ],
] as const) {
  test(`given back with ${what}: the other link gets it from the first byte on`, async (t) => {
    const it = callingEnd()
    const { caller, link } = await asked(it, request)
    const waited = it.peer.bufferedBytes + caller.connection.bufferedBytes
    await it.send(link, back(1))
    const other = it.connect()
    await caller.socket.arrive(rest)
    await it.send(other, '')
    while (!sent(it, other).whole && it.endings.length < 2) {
      await it.send(other, credit(1, Math.min(WINDOW_BYTES, sent(it, other).body.length)))
    }
    const body = request.slice(request.indexOf('\r\n\r\n') + 4)
    t.is(sent(it, other).body, body + rest)
    t.is(sent(it, other).head, sent(it, link).head)
    t.true(waited >= Math.min(body.length, WINDOW_BYTES), 'what may be sent again is counted')
    await it.send(other, head(1, OK), data(1, 'ok', FLAG.end))
    t.is(caller.socket.sent, `${OK}ok`)
    t.is(it.peer.bufferedBytes, 0)
  })
}

test('given back when another link is there already: its caller, who was not read on, is read again', async (t) => {
  const it = callingEnd()
  const length = 4 * WINDOW_BYTES
  const begun = `${POST}Content-Length: ${length}\r\n\r\n${'x'.repeat(WINDOW_BYTES)}`
  const { link } = await asked(it, begun)
  const second = it.caller()
  await second.socket.arrive(begun)
  await it.send(link, back(1))
  const other = it.connect()
  await it.send(other, '')
  await it.send(link, back(2))
  t.is(sent(it, other, 2).body.length, WINDOW_BYTES)
  void second.socket.arrive('y'.repeat(length - WINDOW_BYTES))
  for (let i = 0; i < 8; i++) await it.send(other, credit(2, WINDOW_BYTES / 2))
  t.is(sent(it, other, 2).body.length, length)
  t.true(sent(it, other, 2).whole)
  await it.send(other, head(2, OK), data(2, 'ok', FLAG.end))
  t.is(second.socket.sent, `${OK}ok`)
})

const LARGE = `${POST}Content-Length: 200000\r\n\r\n${'x'.repeat(WINDOW_BYTES)}`
for (const [what, request, sign] of [
  ['an interim answer', GET, head(1, 'HTTP/1.1 103 Early Hints\r\n\r\n', FLAG.info)],
  ['the head of an answer', GET, head(1, OK)],
  ['credit', LARGE, credit(1, 32_768)],
] as const) {
  test(`after ${what} nothing is sent again, whatever the peer says`, async (t) => {
    const it = callingEnd()
    const { caller, link } = await asked(it, request)
    await it.send(link, sign, back(1))
    t.is(it.dials, 0)
    t.true(it.peer.bufferedBytes < 32_768 + 1000)
    t.is(caller.handler.ended[0]?.refused?.reason, 'upstream-unreachable')
    t.is(it.peer.exchanges, 0)
  })
}

for (const why of [RESET.cancelled, RESET.failed, RESET.malformed, RESET.refused, 6, 255]) {
  test(`a RESET for another reason (${why}) sends nothing again`, async (t) => {
    const it = callingEnd()
    const { caller, link } = await asked(it)
    await it.send(link, reset(1, why))
    t.is(it.dials, 0)
    t.regex(caller.socket.sent, /^HTTP\/1\.1 50[23] /)
  })
}

test('a link that is lost with the request gives nothing back', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  link.destroy()
  await it.send(link, '')
  t.is(it.dials, 0)
  t.regex(caller.socket.sent, /^HTTP\/1\.1 502 [\s\S]*upstream-unreachable$/)
})

test('not taken within connectWaitMs, counted from the first time: 503', async (t) => {
  const it = callingEnd({ connectWaitMs: 1000 })
  const { caller, link } = await asked(it)
  await it.send(link, back(1))
  it.clock.now += 600
  it.peer.tick(it.clock.now)
  const other = it.connect()
  await it.send(other, '')
  await it.send(other, back(1))
  it.clock.now += 399
  it.peer.tick(it.clock.now)
  t.is(caller.socket.sent, '')
  it.clock.now += 1
  it.peer.tick(it.clock.now)
  await it.send(other, '')
  t.regex(caller.socket.sent, /^HTTP\/1\.1 503 [\s\S]*module-unavailable$/)
  t.is(it.peer.exchanges, 0)
})

test('a caller that leaves while it waits is forgotten', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  await it.send(link, back(1))
  caller.socket.destroy()
  await it.send(link, '')
  t.is(it.peer.exchanges, 0)
  const other = it.connect()
  await it.send(other, '')
  t.is(other.sent, '')
})

test('another address that speaks HTTP/1.1 gets it in HTTP/1.1', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it, `${POST}Content-Length: 9\r\n\r\nhalf `)
  await it.send(link, back(1))
  const other = it.connect(false)
  await caller.socket.arrive('rest')
  await it.send(other, '')
  t.is(other.sent, 'POST /a HTTP/1.1\r\nHost: upstream\r\nContent-Length: 9\r\n\r\nhalf rest')
  await it.send(other, `${OK}ok`)
  t.is(caller.socket.sent, `${OK}ok`)
})

test('many at once are given back, and all are served elsewhere', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  const callers = [caller, ...Array.from({ length: 40 }, () => it.caller())]
  for (const { socket } of callers.slice(1)) await socket.arrive(GET)
  await it.send(link, ...callers.map((_, i) => back(i + 1)))
  const other = it.connect()
  await it.send(other, '')
  t.is(it.dials, 0)
  const answers = callers.map((_, i) => head(i + 1, OK) + data(i + 1, 'ok', FLAG.end))
  await it.send(other, ...answers)
  for (const { socket } of callers) t.is(socket.sent, `${OK}ok`)
})

// --- the serving end -------------------------------------------------------------------------------

test('a refusal as draining gives back; any other refusal is an answer', async (t) => {
  const it = servingEnd()
  it.handler.judge = ({ target }) =>
    refuse(target === '/a' ? 'draining' : 'module-unavailable', 'said by the handler')
  await it.send(get(1, '/a'), get(2, '/b'))
  const of = (id: number) => it.frames.filter((frame) => frame.id === id)
  t.deepEqual(
    of(1).map(({ type, payload }) => [type, payload]),
    [['reset', '\x05']],
  )
  t.deepEqual(
    of(2).map(({ type }) => type),
    ['head', 'data'],
  )
  t.deepEqual(
    it.handler.ended.map(({ refused, outcome, status }) => [refused?.reason, outcome, status]),
    [
      ['draining', 'refused', 503],
      ['module-unavailable', 'refused', 503],
    ],
  )
  t.is(it.link.size, 0)
})

test('an exchange that waits for the module is given back with its body, unread', async (t) => {
  const it = servingEnd()
  await it.send(open(1, `${POST}Content-Length: 9\r\n\r\n`), data(1, 'half '))
  t.is(it.upstream.dials, 1)
  it.upstream.refuse(refuse('draining', 'the module will not come any more'))
  await it.send(data(1, 'rest', FLAG.end))
  t.deepEqual(
    it.frames.map(({ type, payload }) => [type, payload]),
    [['reset', '\x05']],
  )
  t.is(it.link.bufferedBytes, 0)
  t.deepEqual(it.endings, [])
})
