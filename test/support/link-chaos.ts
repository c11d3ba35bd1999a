import fc from 'fast-check'
import { FLAG, FRAME, WINDOW_BYTES } from '../../src/wire/link/frames.ts'
import { callingEnd, servingEnd } from './link-ends.ts'
import * as link from './link-frames.ts'
import { type Frame, framesOf } from './link-frames.ts'
import { type MemorySocket, settled } from './memory-socket.ts'

/** One thing that a hostile or unlucky peer does. Numbers choose among the existing objects. */
export interface Act {
  readonly kind: (typeof KINDS)[number]
  readonly which: number
  readonly size: number
  readonly odd: number
}

const KINDS = [
  'open',
  'open',
  'open',
  'body',
  'body',
  'answer',
  'answer',
  'answer',
  'end',
  'credit',
  'reset',
  'ping',
  'wrong-id',
  'wrong-head',
  'wrong-credit',
  'wrong-order',
  'goaway',
  'garbage',
  'stall',
  'take',
  'time',
  'connect',
  'connect',
  'vanish',
] as const

/** The actions, and where their bytes are cut. */
export interface Script {
  readonly acts: readonly Act[]
  /** Lengths of reads, over and over. */
  readonly reads: readonly number[]
}

export const scripts: fc.Arbitrary<Script> = fc.record({
  acts: fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      which: fc.nat(15),
      size: fc.oneof(fc.nat(40), fc.nat(20_000)),
      odd: fc.nat(255),
    }),
    { minLength: 1, maxLength: 80, size: 'max' },
  ),
  reads: fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(70_000)), {
    minLength: 1,
    maxLength: 5,
  }),
})

/** What occurred, for counting. */
export type Seen = Map<string, number>

function see(seen: Seen, what: string, times = 1): void {
  seen.set(what, (seen.get(what) ?? 0) + times)
}

/** Pings come in rows. */
const framesIn = (kind: Act['kind'], size: number) => (kind === 'ping' ? 1 + (size % 50) : 1)

/** Every exchange has a letter of its own; framing and heads have no such letters in their bodies. */
const LETTERS = 'ghijklmnopqrstuvwxyz'
const letterOf = (id: number) => LETTERS[id % LETTERS.length]!
/** More than any end may hold in these scripts. */
const MOST_BYTES = 4 * 1024 * 1024

/** A hostile caller's sidecar against the serving end. Returns the violated rule, or null. */
export async function hostileCaller({ acts, reads }: Script, seen: Seen): Promise<string | null> {
  const it = servingEnd({ bodyIdleMs: 3000, callerReadIdleMs: 3000 })
  const granted = new Map<number, number>()
  const chunked = new Set<number>()
  /** Those whose body may go on. */
  const going = new Set<number>()
  let lastId = 0
  for (const { kind, which, size, odd } of acts) {
    // Mostly allowed actions: a violation ends the link.
    const sane = odd % 16 !== 0
    const id = sane ? pick(kind === 'credit' ? lastId : [...going], which) : 1 + which
    let out = ''
    if (kind === 'open') {
      lastId += 1 + (odd % 3)
      out = requestOf(lastId, which, size, odd, chunked)
      if (which % 3 !== 0) going.add(lastId)
    } else if (id === 0 && NEED_ID.has(kind)) continue
    else if (kind === 'body') {
      if (odd % 5 === 0) going.delete(id)
      const text = letterOf(id).repeat(1 + (size % 16_000))
      const wire = chunked.has(id) ? `${text.length.toString(16)}\r\n${text}\r\n` : text
      out = link.data(id, wire, odd % 5 === 0 ? FLAG.end : 0)
    } else if (kind === 'credit') {
      const due = sane ? unread(it.frames, id, granted) : 1 + size
      if (due <= 0) continue
      out = link.credit(id, due)
      granted.set(id, (granted.get(id) ?? 0) + due)
    } else if (kind === 'answer') await answer(it.upstream, which, size, odd)
    else if (kind === 'connect') it.upstream.connect()
    else if (kind === 'vanish') it.upstream.sockets[which % 4]?.destroy()
    else if (kind === 'stall') it.socket.stalled = true
    else if (kind === 'take') await it.socket.letGo()
    else if (kind === 'time') {
      it.clock.now += 100 + size
      it.link.tick(it.clock.now)
    } else out = oddity(kind, id, lastId, size, odd)
    if (kind === 'end' || kind === 'reset') going.delete(id)
    await arriveInReads(out, reads, (part) => it.socket.arrive(part))
    if (out !== '') see(seen, `caller sends ${kind}`, framesIn(kind, size))
    if (it.link.bufferedBytes > MOST_BYTES) return `holds ${it.link.bufferedBytes} bytes`
  }
  await it.socket.letGo()
  await settled()
  it.link.destroy()
  await settled()
  for (const ending of it.endings) see(seen, `serving end: ${ending}`)
  for (const { status, outcome } of it.handler.ended) see(seen, `serving ${status} ${outcome}`)
  if (it.endings.length !== 1) return `ended ${it.endings.length} times`
  if (it.upstream.pool.exchanges > it.upstream.dials) return 'exchanges stay at the pool'
  const whole = wholeFrames(it.socket)
  for (const frame of whole) see(seen, `serving end sends ${frame.type}`)
  return wrongBodies(whole, granted) ?? wrongRequests(it.upstream.sockets)
}

/** A hostile serving sidecar against the calling end. Returns the violated rule, or null. */
export async function hostileServer({ acts, reads }: Script, seen: Seen): Promise<string | null> {
  const it = callingEnd({ bodyIdleMs: 3000, callerReadIdleMs: 3000 })
  const callers: { socket: MemorySocket; letter: string; ended(): number; begun(): number }[] = []
  const answered = new Set<string>()
  /** By link: the letter of each id, as the request said it. */
  const letters = (socket: MemorySocket) =>
    new Map(
      wholeFrames(socket)
        .filter(({ type }) => type === 'open')
        .map(({ id, payload }) => [id, /^\S+ \/(\w)/.exec(payload)?.[1] ?? '?']),
    )
  for (const { kind, which, size, odd } of acts) {
    const socket = it.sockets[which % Math.max(1, it.sockets.length)]
    const known = socket === undefined ? new Map<number, string>() : letters(socket)
    const id = 1 + (odd % Math.max(1, known.size))
    // Mostly allowed actions: a violation ends the link.
    if (known.size === 0 && odd % 16 !== 0 && NEED_OPEN.has(kind)) continue
    const letter = known.get(id) ?? letterOf(0)
    let out = ''
    if (kind === 'open') {
      const own = letterOf(callers.length)
      const { socket: caller, handler } = it.caller()
      callers.push({
        socket: caller,
        letter: own,
        ended: () => handler.ended.length,
        begun: () => handler.heads.length,
      })
      const lines = odd % 3 === 0 ? `Content-Length: ${size}\r\n` : ''
      await caller.arrive(`POST /${own} HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
      if (lines !== '') await caller.arrive(own.repeat(Math.floor(size / 2) + (odd % 2) * size))
    } else if (kind === 'connect') {
      if (it.dials > 0) it.connect(odd % 9 !== 0)
    } else if (kind === 'answer') {
      if (answered.has(`${which} ${id}`) && odd % 16 !== 0) continue
      answered.add(`${which} ${id}`)
      out = answerFrames(id, letter, size, odd)
    } else if (kind === 'body')
      out = link.data(id, letter.repeat(1 + (size % 16_000)), odd % 4 ? 0 : FLAG.end)
    else if (kind === 'credit') out = link.credit(id, odd % 16 === 0 ? size : 1)
    else if (kind === 'stall') stall(callers[which % 5]?.socket)
    else if (kind === 'take') await callers[which % 5]?.socket.letGo()
    else if (kind === 'vanish') (odd % 2 ? callers[which % 5]?.socket : socket)?.destroy()
    else if (kind === 'time') {
      it.clock.now += 100 + size
      it.peer.tick(it.clock.now)
    } else out = oddity(kind, id, known.size, size, odd)
    if (socket !== undefined && out !== '') {
      await arriveInReads(out, reads, (part) => it.send(socket, part))
      see(seen, `server sends ${kind}`, framesIn(kind, size))
    }
    await settled()
    if (it.peer.bufferedBytes > MOST_BYTES) return `holds ${it.peer.bufferedBytes} bytes`
  }
  while (it.dials > 0) it.connect()
  while (it.http1.dials > 0) it.http1.connect()
  await settled()
  for (const { socket } of callers) await socket.letGo()
  for (const socket of [...it.sockets, ...it.http1.sockets]) socket.destroy()
  await settled()
  await settled()
  for (const ending of it.endings) see(seen, `calling end: ${ending}`)
  for (const { socket, letter, ended, begun } of callers) {
    // An unreadable request ends before it has begun.
    if (ended() < begun()) return `${begun()} exchanges began, ${ended()} ended`
    see(seen, `a caller sees ${/^HTTP\/1.1 (\d+)/.exec(socket.sent)?.[1] ?? 'nothing'}`)
    const wrong = strangers(bodiesOf(socket.sent), letter)
    if (wrong !== null) return `the caller of ${letter} got ${wrong}`
  }
  return it.peer.exchanges === 0 ? null : `${it.peer.exchanges} exchanges stay`
}

const NEED_OPEN: ReadonlySet<Act['kind']> = new Set([
  'answer',
  'body',
  'credit',
  'end',
  'reset',
  'wrong-head',
])
const NEED_ID: ReadonlySet<Act['kind']> = new Set(['body', 'credit', 'end', 'reset'])

/** One of those ids, or of those up to a number; 0 when there is none. */
function pick(from: readonly number[] | number, which: number): number {
  if (typeof from === 'number') return from === 0 ? 0 : 1 + (which % from)
  return from.length === 0 ? 0 : from[which % from.length]!
}

/** Bytes of this exchange that came and were not credited yet. */
function unread(
  frames: readonly Frame[],
  of: number,
  granted: ReadonlyMap<number, number>,
): number {
  const own = frames.filter(({ type, id }) => type === 'data' && id === of)
  return own.reduce((sum, { payload }) => sum + payload.length, 0) - (granted.get(of) ?? 0)
}

function stall(socket: MemorySocket | undefined): void {
  if (socket !== undefined) socket.stalled = true
}

function requestOf(id: number, which: number, size: number, odd: number, chunked: Set<number>) {
  const letter = letterOf(id)
  const line = `POST /${letter} HTTP/1.1\r\nHost: x\r\n`
  if (which % 3 === 0) return link.open(id, `${line}\r\n`, FLAG.end)
  if (which % 3 === 1) return link.open(id, `${line}Content-Length: ${size}\r\n\r\n`)
  chunked.add(id)
  const head = `${line}Transfer-Encoding: chunked\r\n\r\n`
  const cut = odd % head.length
  if (odd % 2 === 0 || cut === 0) return link.open(id, head)
  return link.open(id, head.slice(0, cut), FLAG.more) + link.open(id, head.slice(cut))
}

/** The module answers what it was asked last on one of its connections, with the letter of the request. */
async function answer(
  upstream: ReturnType<typeof servingEnd>['upstream'],
  which: number,
  size: number,
  odd: number,
): Promise<void> {
  const socket = upstream.sockets[which % Math.max(1, upstream.sockets.length)]
  const letter = [...(socket?.sent.matchAll(/POST \/(\w) /g) ?? [])].at(-1)?.[1]
  if (socket === undefined || socket.destroyed || letter === undefined) return
  const body = letter.repeat(odd % 4 === 0 ? size * 10 : size % 100)
  const broken = odd % 7 === 0 ? body.slice(1) : body
  await upstream.answer(
    socket,
    `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${broken}`,
  )
}

function answerFrames(id: number, letter: string, size: number, odd: number): string {
  const length = size % 16_000
  const head = link.head(id, `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`)
  if (odd % 5 === 0) return link.head(id, 'HTTP/1.1 100 Continue\r\n\r\n', FLAG.info)
  const sent = odd % 5 === 1 ? length + 1 : odd % 5 === 2 ? length >> 1 : length
  return sent === 0 ? head + link.end(id) : head + link.data(id, letter.repeat(sent), FLAG.end)
}

/** What an honest peer never sends, or not now. */
function oddity(kind: Act['kind'], id: number, lastId: number, size: number, odd: number): string {
  switch (kind) {
    case 'end':
      return link.end(id)
    case 'reset':
      return link.reset(id, odd)
    case 'ping':
      return link.ping(odd % 2 ? FLAG.ack : 0).repeat(1 + (size % 50))
    case 'wrong-id':
      return odd % 8 === 0 ? link.data(lastId + 1 + size, 'x') : ''
    case 'wrong-head':
      return odd % 4 === 0 ? link.head(id, 'HTTP/1.1 20') : ''
    case 'wrong-credit':
      return odd % 8 === 0 ? link.credit(id, size % 2 ? 0xffff_ffff : 0) : ''
    case 'wrong-order':
      return odd % 8 === 0 ? link.open(id, 'GET /') : ''
    case 'goaway':
      return odd % 4 === 0 ? link.goaway() : ''
    default:
      return odd % 8 === 0 ? link.raw(size % 12, odd, id, 'x'.repeat(odd)) : ''
  }
}

async function arriveInReads(
  text: string,
  reads: readonly number[],
  arrive: (part: string) => Promise<void>,
): Promise<void> {
  for (let i = 0, n = 0; i < text.length; n++) {
    // Small steps in a large frame test nothing new.
    const step = n > 40 ? text.length : reads[n % reads.length]!
    await arrive(text.slice(i, i + step))
    i += step
  }
}

/** Everything but a last frame that a cut left unfinished. */
function wholeFrames({ sent }: MemorySocket): Frame[] {
  let i = 0
  const bytes = Buffer.from(sent, 'latin1')
  while (i + 8 <= bytes.length && i + 8 + bytes.readUInt16BE(i + 2) <= bytes.length) {
    i += 8 + bytes.readUInt16BE(i + 2)
  }
  const known = bytes[0] !== undefined && bytes[0] <= FRAME.goaway
  return known ? framesOf(sent.slice(0, i)) : []
}

/** Every answer holds its own letter only, and no more than there was credit for. */
function wrongBodies(
  frames: readonly Frame[],
  granted: ReadonlyMap<number, number>,
): string | null {
  const bodies = new Map<number, string>()
  const ended = new Set<number>()
  const refused = new Set<number>()
  for (const { type, id, flags, payload } of frames) {
    if (type !== 'head' && type !== 'data' && type !== 'end') continue
    if (ended.has(id)) return `${type} behind the end of ${id}`
    if (type === 'head' && !payload.startsWith('HTTP/1.1 200')) refused.add(id)
    if (type === 'data' && !refused.has(id)) bodies.set(id, (bodies.get(id) ?? '') + payload)
    if (type === 'end' || (flags & FLAG.end) !== 0) ended.add(id)
  }
  for (const [id, body] of bodies) {
    if (body.length > WINDOW_BYTES + (granted.get(id) ?? 0)) return `${id} sent beyond its credit`
    const wrong = strangers(body, letterOf(id))
    if (wrong !== null) return `exchange ${id} got ${wrong}`
  }
  return null
}

/** Every request that the module saw has a body of its own letter only. */
function wrongRequests(sockets: readonly MemorySocket[]): string | null {
  for (const { sent } of sockets) {
    for (const request of sent.split('POST /').slice(1)) {
      const body = request.slice(request.indexOf('\r\n\r\n') + 4)
      const wrong = strangers(body, request[0]!)
      if (wrong !== null) return `the module got ${wrong} with the request of ${request[0]}`
    }
  }
  return null
}

/** The bodies of all answers that say 200. */
function bodiesOf(sent: string): string {
  const answers = sent.split('HTTP/1.1 ').filter((text) => text.startsWith('200'))
  return answers.map((text) => text.slice(text.indexOf('\r\n\r\n') + 4)).join('')
}

function strangers(body: string, letter: string): string | null {
  const other = [...new Set(body)].filter((c) => LETTERS.includes(c) && c !== letter)
  return other.length === 0 ? null : `the letters ${other.join('')}`
}
