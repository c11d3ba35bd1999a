import test from 'ava'
import { FLAG, MOST_EXCHANGES, RESET, WINDOW_BYTES } from '../../../src/wire/link/frames.ts'
import { type CallingEnd, callingEnd } from '../../support/link-ends.ts'
import {
  credit,
  creditOf,
  data,
  end,
  goaway,
  head,
  open,
  ping,
  reset,
} from '../../support/link-frames.ts'
import { asRead, type MemorySocket } from '../../support/memory-socket.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'

/** A caller with a request under way, on the first link. */
async function asked(it: CallingEnd, request = GET) {
  const caller = it.caller()
  await caller.socket.arrive(request)
  const link = it.dials > 0 ? it.connect() : it.sockets[0]!
  await it.send(link, '')
  return { caller, link }
}

test('many callers share one link, and each gets its own answer', async (t) => {
  const it = callingEnd()
  const first = await asked(it)
  const second = await asked(it, GET.replace('/a', '/b'))
  t.is(it.sockets.length, 1)
  const opened = it.framesOf(first.link)
  t.deepEqual(
    opened.map(({ type, id, flags }) => [type, id, flags]),
    [
      ['open', 1, FLAG.end],
      ['open', 2, FLAG.end],
    ],
  )
  await it.send(
    first.link,
    head(2, OK),
    data(2, 'bb', FLAG.end),
    head(1, OK),
    data(1, 'aa', FLAG.end),
  )
  t.is(first.caller.socket.sent, `${OK}aa`)
  t.is(second.caller.socket.sent, `${OK}bb`)
  t.is(it.peer.exchanges, 0)
})

test('requests that wait for the same dial leave in one write', async (t) => {
  const it = callingEnd()
  const callers = Array.from({ length: 5 }, () => it.caller())
  for (const { socket } of callers) await socket.arrive(GET)
  t.is(it.dials, 1)
  const link = it.connect()
  let writes = 0
  const write = link._write.bind(link)
  link._write = (...args) => {
    writes++
    write(...args)
  }
  await it.send(link, '')
  t.is(it.framesOf(link).length, 5)
  t.is(writes, 1)
})

const FAILED: readonly (readonly [string, readonly string[]])[] = [
  ['no HTTP', [head(1, 'hello\r\n\r\n')]],
  ['half a head', [head(1, 'HTTP/1.1 200 OK\r\n')]],
  ['two heads in one', [head(1, OK + OK)]],
  ['101', [head(1, 'HTTP/1.1 101 Switching\r\n\r\n', FLAG.info)]],
  ['an interim head called final', [head(1, 'HTTP/1.1 100 Continue\r\n\r\n')]],
  ['a final head called interim', [head(1, OK, FLAG.info)]],
  ['seventeen interim heads', Array(17).fill(head(1, 'HTTP/1.1 100 Continue\r\n\r\n', FLAG.info))],
  ['an end without an answer', [end(1)]],
  [
    'length and chunks',
    [head(1, OK.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n'))],
  ],
]

for (const [what, frames] of FAILED) {
  test(`${what}: 502 for that caller, and the peer is told; the others go on`, async (t) => {
    const it = callingEnd()
    const { caller, link } = await asked(it)
    const other = await asked(it)
    await it.send(link, ...frames)
    t.regex(caller.socket.sent, /HTTP\/1\.1 502 No[\s\S]*upstream-malformed$/)
    t.is(it.framesOf(link).at(-1)?.type, 'reset')
    await it.send(link, head(2, OK), data(2, 'ok', FLAG.end))
    t.is(other.caller.socket.sent, `${OK}ok`)
    t.deepEqual(it.endings, [])
  })
}

const CUT: readonly (readonly [string, readonly string[]])[] = [
  ['less body than said', [head(1, OK), data(1, 'x', FLAG.end)]],
  ['more body than said', [head(1, OK), data(1, 'xxx', FLAG.end)]],
  ['a body behind a 204', [head(1, 'HTTP/1.1 204 No\r\n\r\n'), data(1, 'xxx', FLAG.end)]],
  [
    'a body behind a 304 that says its length',
    [head(1, 'HTTP/1.1 304 Not\r\nContent-Length: 3\r\n\r\n'), data(1, 'xxx', FLAG.end)],
  ],
  ['no body where one was said', [head(1, OK, FLAG.end)]],
  [
    'broken chunks',
    [head(1, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), data(1, 'zz')],
  ],
  [
    'chunks without their end',
    [
      head(1, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
      data(1, '1\r\nx\r\n', FLAG.end),
    ],
  ],
  ['a reset amid the body', [head(1, OK), data(1, 'x'), reset(1, RESET.failed)]],
]

for (const [what, frames] of CUT) {
  test(`${what}: the caller sees that its answer was cut, the others go on`, async (t) => {
    const it = callingEnd()
    const { caller, link } = await asked(it)
    const other = await asked(it)
    await it.send(link, ...frames)
    t.true(caller.socket.destroyed)
    t.false(caller.socket.sent.includes('xxx'))
    t.is(caller.handler.ended[0]?.outcome, 'upstream-gone')
    await it.send(link, head(2, OK), data(2, 'ok', FLAG.end))
    t.is(other.caller.socket.sent, `${OK}ok`)
    t.deepEqual(it.endings, [])
  })
}

const CLOSED: readonly (readonly [string, readonly string[], string])[] = [
  ['garbage', ['\0\0\0\0\0\0\0\0'], 'bad-frame'],
  ['OPEN from the serving end', [open(2, GET)], 'bad-order'],
  ['HEAD for what was never opened', [head(7, OK)], 'bad-order'],
  ['DATA for what was never opened', [data(7, 'x')], 'bad-order'],
  ['DATA before its head', [data(1, 'x')], 'bad-order'],
  ['a second head', [head(1, OK), head(1, OK)], 'bad-order'],
  ['credit beyond the window', [credit(1, 1)], 'bad-credit'],
  ['a frame amid a head', [head(1, 'HTTP/1.1 2', FLAG.more), ping()], 'bad-order'],
]

for (const [what, frames, ending] of CLOSED) {
  test(`${what}: the link is closed, ${ending}; its callers hear of it, the next one gets a new link`, async (t) => {
    const it = callingEnd()
    const { caller, link } = await asked(it)
    const other = await asked(it)
    await it.send(link, ...frames)
    t.deepEqual(it.endings, [ending])
    t.true(link.destroyed)
    t.is(caller.handler.ended.length, 1)
    t.regex(other.caller.socket.sent, /^HTTP\/1\.1 502 No[\s\S]*upstream-unreachable$/)
    t.is(it.peer.exchanges, 0)
    const next = await asked(it)
    t.not(next.link, link)
    t.is(it.sockets.length, 2)
  })
}

test('more DATA than there was credit for closes the link', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  caller.socket.stalled = true
  await it.send(link, head(1, 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n'))
  let most = 0
  for (let i = 0; i < 5; i++) {
    most = Math.max(most, caller.connection.bufferedBytes + it.peer.bufferedBytes)
    await it.send(link, data(1, 'x'.repeat(16_376)))
  }
  t.deepEqual(it.endings, ['bad-credit'])
  t.true(most <= WINDOW_BYTES + 1000, `${most}`)
})

test('credit goes back when the caller has taken the bytes, not before', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  caller.socket.stalled = true
  await it.send(link, head(1, 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n'))
  for (let i = 0; i < 4; i++) await it.send(link, data(1, 'x'.repeat(16_000)))
  t.false(it.framesOf(link).some(({ type }) => type === 'credit'))
  await caller.socket.letGo()
  await it.send(link, '')
  t.is(creditOf(it.framesOf(link).at(-1)!), 64_000)
})

test('a request waits for credit', async (t) => {
  const it = callingEnd()
  const length = 65_536
  const request = `POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${length * 2}\r\n\r\n`
  const { caller, link } = await asked(it, request)
  await caller.socket.arrive('x'.repeat(length))
  await caller.socket.arrive('y'.repeat(length))
  await it.send(link, '')
  const sent = () =>
    it
      .framesOf(link)
      .map(({ type, payload }) => (type === 'data' ? payload : ''))
      .join('')
  t.is(sent(), 'x'.repeat(length))
  await it.send(link, credit(1, 32_768))
  t.is(sent(), 'x'.repeat(length) + 'y'.repeat(32_768))
  await it.send(link, credit(1, 32_768))
  t.is(sent().length, 2 * length)
  t.is(it.framesOf(link).at(-1)!.flags, FLAG.end)
})

test('memory of a read that was all body is given back, before there is a link and on it', async (t) => {
  const it = callingEnd()
  const caller = it.caller()
  const [first, second, third] = [10_000, 11_000, 12_000].map((n, i) => asRead('xyz'[i]!.repeat(n)))
  const begin = `POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 43000\r\n\r\n`
  const withHead = asRead(begin + 'w'.repeat(10_000))
  await caller.socket.arrive(withHead)
  await caller.socket.arrive(first!)
  const link = it.connect()
  await it.send(link, '')
  await caller.socket.arrive(second!)
  await caller.socket.arrive(third!)
  await it.send(link, '')
  const sent = it.framesOf(link).map(({ type, payload }) => (type === 'data' ? payload : ''))
  const expected = ['w'.repeat(10_000), 'x'.repeat(10_000), 'y'.repeat(11_000), 'z'.repeat(12_000)]
  t.true(sent.join('') === expected.join(''))
  t.is(it.framesOf(link).at(-1)!.flags, FLAG.end)
  // What is known of the exchange refers to its head.
  t.deepEqual(
    [withHead, first, second, third].map((bytes) => bytes!.length),
    [begin.length + 10_000, 0, 0, 0],
  )
})

test('a caller that leaves resets its exchange, and late frames reach no exchange', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  const other = await asked(it)
  caller.socket.destroy()
  await it.send(link, '')
  await it.send(link, head(1, OK), data(1, 'no', FLAG.end))
  t.is(it.framesOf(link).at(-1)?.type, 'reset')
  t.is(caller.socket.sent, '')
  await it.send(link, head(2, OK), data(2, 'ok', FLAG.end))
  t.is(other.caller.socket.sent, `${OK}ok`)
  t.deepEqual(it.endings, [])
})

test('an early answer is passed on, the rest of the request is not wanted', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(
    it,
    'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf',
  )
  await it.send(link, head(1, 'HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n', FLAG.end))
  t.is(caller.socket.sent, 'HTTP/1.1 413 Big\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  t.is(it.framesOf(link).at(-1)?.type, 'reset')
  t.is(it.peer.exchanges, 0)
})

test('GOAWAY: what runs finishes there, what comes goes elsewhere, then it ends', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  await it.send(link, goaway())
  t.is(it.framesOf(link).at(-1)?.type, 'goaway')
  t.is(it.dials, 1)
  const next = it.caller()
  await next.socket.arrive(GET)
  const successor = it.connect()
  await it.send(successor, head(1, OK), data(1, 'ne', FLAG.end))
  t.is(next.socket.sent, `${OK}ne`)
  t.false(link.writableEnded)
  await it.send(link, head(1, OK), data(1, 'ol', FLAG.end))
  t.is(caller.socket.sent, `${OK}ol`)
  t.true(link.writableEnded)
  t.deepEqual(it.endings, ['left'])
})

test('a peer that refuses us in HTTP/1.1: every caller gets what it says', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  const other = await asked(it)
  const said =
    'HTTP/1.1 403 Forbidden\r\nX-Sidecar-Refused: revoked-certificate\r\nContent-Length: 4\r\nConnection: close\r\n\r\nno!\n'
  for (const byte of said) await it.send(link, byte)
  await link.arriveEnd()
  t.deepEqual(it.endings, ['turned-away'])
  const wanted = said.replace('Connection: close\r\n', '')
  t.is(caller.socket.sent, wanted)
  t.is(other.caller.socket.sent, wanted)
  t.is(it.dials, 0)
  t.is(it.peer.exchanges, 0)
})

for (const said of [
  'HTTP/1.1 403 Forbid',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HELLO',
  `H${'x'.repeat(20_000)}`,
]) {
  test(`text that is no refusal, ${said.length} bytes: 502`, async (t) => {
    const it = callingEnd()
    const { caller, link } = await asked(it)
    await it.send(link, said)
    if (!link.destroyed) await link.arriveEnd()
    t.regex(caller.socket.sent, /^HTTP\/1\.1 502 /)
    t.is(it.peer.exchanges, 0)
  })
}

test('a refusal in HTTP/1.1 between frames ends the link', async (t) => {
  const it = callingEnd()
  const { link } = await asked(it)
  await it.send(link, ping(FLAG.ack), 'HTTP/1.1 403 Forbidden\r\n\r\n')
  t.deepEqual(it.endings, ['bad-frame'])
})

test('a full link gets a second one beside it', async (t) => {
  const it = callingEnd({ exchangesPerCallee: 2 * MOST_EXCHANGES })
  const { link } = await asked(it)
  for (let i = 1; i <= MOST_EXCHANGES; i++) await it.caller().socket.arrive(GET)
  await it.send(link, '')
  t.is(it.framesOf(link).length, MOST_EXCHANGES)
  t.is(it.dials, 1)
  const second = it.connect()
  await it.send(second, '')
  t.is(it.framesOf(second).length, 1)
})

test('no more exchanges than limits.exchangesPerCallee', async (t) => {
  const it = callingEnd({ exchangesPerCallee: 2 })
  await asked(it)
  await asked(it)
  const { caller } = await asked(it)
  t.regex(caller.socket.sent, /^HTTP\/1\.1 503 No[\s\S]*overloaded$/)
})

test('responseHeadMs counts from when the request is whole', async (t) => {
  const it = callingEnd({ responseHeadMs: 1000 })
  const { caller, link } = await asked(it)
  it.clock.now += 900
  it.peer.tick(it.clock.now)
  t.is(caller.socket.sent, '')
  it.clock.now += 100
  it.peer.tick(it.clock.now)
  await it.send(link, '')
  t.regex(caller.socket.sent, /^HTTP\/1\.1 504 /)
  t.is(it.framesOf(link).at(-1)?.type, 'reset')
})

test('limits.responseIdleMs: an answer that stands still is given up', async (t) => {
  const it = callingEnd({ responseIdleMs: 1000 })
  const { caller, link } = await asked(it)
  const pass = (ms: number) => {
    it.clock.now += ms
    it.peer.tick(it.clock.now)
  }
  await it.send(link, head(1, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'), data(1, 'abc'))
  pass(999)
  await it.send(link, data(1, 'd'))
  pass(999)
  t.false(caller.socket.destroyed)
  pass(1)
  await it.send(link, '')
  t.true(caller.socket.sent.endsWith('abcd'))
  t.true(caller.socket.destroyed)
  t.is(it.framesOf(link).at(-1)?.type, 'reset')
})

test('an idle link is left in good order', async (t) => {
  const it = callingEnd({ idleMs: 1000 })
  const { link } = await asked(it)
  await it.send(link, head(1, OK), data(1, 'ok', FLAG.end))
  for (let i = 0; i < 12; i++) {
    it.clock.now += 100
    it.peer.tick(it.clock.now)
  }
  await it.send(link, '')
  t.is(it.framesOf(link).at(-1)?.type, 'goaway')
  t.true(link.writableEnded)
  t.deepEqual(it.endings, ['left'])
  t.is(it.dials, 0)
})

function opened(it: CallingEnd, socket: MemorySocket): string[] {
  const heads = it.framesOf(socket).filter(({ type }) => type === 'open')
  return heads.map(({ payload }) => payload.split(' ')[1]!)
}

const SMALL = 'Content-Length: 10\r\n\r\n0123456789'
for (const [what, request, large] of [
  ['a small body', `POST /x HTTP/1.1\r\nHost: x\r\n${SMALL}`, false],
  ['a large body', 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n', true],
  [
    'an empty GET in chunks',
    'GET /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    false,
  ],
  [
    'a GET whose last chunk is still to come',
    'GET /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
    false,
  ],
  [
    'a POST in chunks that is whole',
    'POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    false,
  ],
  [
    'a POST in chunks that goes on',
    'POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n',
    true,
  ],
] as const) {
  test(`${what} goes to the link for ${large ? 'large' : 'small'} exchanges`, async (t) => {
    const it = callingEnd()
    const { link } = await asked(it)
    const caller = it.caller()
    await caller.socket.arrive(request)
    t.is(it.dials, large ? 1 : 0)
    const its = large ? it.connect() : link
    await it.send(its, '')
    t.deepEqual(opened(it, its), large ? ['/x'] : ['/a', '/x'])
    const body = request.slice(request.indexOf('\r\n\r\n') + 4)
    const sent = it.framesOf(its).filter(({ type }) => type === 'data')
    t.is(sent.map(({ payload }) => payload).join(''), body)
  })
}

test('a route that was large goes to the link for large exchanges, until it has been small for long', async (t) => {
  const it = callingEnd()
  const { link } = await asked(it, GET.replace('/a', '/items/12/file'))
  await it.send(link, head(1, 'HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n'))
  await asked(it, GET.replace('/a', '/items/34/file?x=1'))
  const large = it.sockets[1]!
  t.deepEqual(opened(it, large), ['/items/34/file?x=1'])
  await asked(it, GET.replace('/a', '/items/56'))
  t.is(opened(it, link).length, 2)
  await it.send(large, head(1, OK), data(1, 'ok', FLAG.end))
  for (let id = 2; id <= 8; id++) {
    await it.caller().socket.arrive(GET.replace('/a', '/items/78/file'))
    await it.send(large, head(id, OK), data(id, 'ok', FLAG.end))
  }
  await asked(it, GET.replace('/a', '/items/90/file'))
  t.is(opened(it, link).length, 3)
})

test('a peer that speaks HTTP/1.1 gets HTTP/1.1, on the very connection that found it out', async (t) => {
  const it = callingEnd()
  const caller = it.caller()
  await caller.socket.arrive(
    'POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n',
  )
  const socket = it.connect(false)
  await it.send(socket, '')
  t.is(
    socket.sent,
    'POST /a HTTP/1.1\r\nHost: upstream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n',
  )
  await caller.socket.arrive('1\r\nb\r\n0\r\n\r\n')
  await it.send(socket, `${OK}ok`)
  t.true(socket.sent.endsWith('1\r\na\r\n1\r\nb\r\n0\r\n\r\n'))
  t.is(caller.socket.sent, `${OK}ok`)
  await caller.socket.arrive(GET)
  await it.send(socket, `${OK}ok`)
  t.is(caller.socket.sent, `${OK}ok${OK}ok`)
  t.is(it.dials, 0)
  t.is(it.http1.dials, 0)
})

test('after a while it is asked again, and no caller waits for the answer', async (t) => {
  const it = callingEnd({ idleMs: 1e9 })
  const { caller } = await (async () => {
    const caller = it.caller()
    await caller.socket.arrive(GET)
    await it.send(it.connect(false), `${OK}ok`)
    return { caller }
  })()
  it.clock.now += 61_000
  await caller.socket.arrive(GET)
  t.is(it.dials, 1)
  const link = it.connect()
  await it.send(link, '')
  t.is(link.sent, '')
  const next = await asked(it)
  t.is(next.link, it.sockets[0]!)
  t.deepEqual(opened(it, link), ['/a'])
})

test('credentials changed: the old link finishes, and nothing new goes there', async (t) => {
  const it = callingEnd()
  const { caller, link } = await asked(it)
  it.peer.retire()
  const next = it.caller()
  await next.socket.arrive(GET)
  const successor = it.connect()
  await it.send(successor, head(1, OK), data(1, 'ne', FLAG.end))
  await it.send(link, head(1, OK), data(1, 'ol', FLAG.end))
  t.is(caller.socket.sent, `${OK}ol`)
  t.is(next.socket.sent, `${OK}ne`)
  t.true(link.writableEnded)
})
