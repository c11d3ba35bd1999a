import fc from 'fast-check'
import { type Bench, callerOf, MemoryPool, type StoppedClock } from './engine.ts'
import { type MemorySocket, settled } from './memory-socket.ts'
import { nodeReads } from './node-parser.ts'

/** An event; numbers choose among the existing objects. */
export type Event =
  | { readonly kind: 'send'; readonly caller: number; readonly bytes: number }
  | { readonly kind: 'end' | 'vanish' | 'stall' | 'take'; readonly caller: number }
  | { readonly kind: 'connect' | 'retire' | 'drain' }
  | {
      readonly kind: 'answer'
      readonly upstream: number
      readonly how: Answering
      readonly bytes: number
    }
  | {
      readonly kind: 'upstream-ends' | 'upstream-vanishes' | 'upstream-stalls' | 'upstream-takes'
      readonly upstream: number
    }
  | { readonly kind: 'time'; readonly ms: number }

const ANSWERING = ['length', 'chunked', 'close', 'interim', 'stray', 'garbage', 'last'] as const
type Answering = (typeof ANSWERING)[number]

const CALLERS = 3

const which = fc.nat(CALLERS - 1)
const some = fc.oneof(fc.constant(1_000_000), fc.integer({ min: 1, max: 60 }))

/** What callers, upstreams and time may do; ordinary events are more frequent than odd ones. */
export const events: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('send' as const), caller: which, bytes: some }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('connect' as const) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        upstream: fc.nat(5),
        how: fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom('length' as const, 'chunked' as const) },
          { weight: 1, arbitrary: fc.constantFrom(...ANSWERING) },
        ),
        bytes: some,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('stall' as const, 'stall' as const, 'take' as const),
        caller: which,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('end' as const, 'vanish' as const),
        caller: which,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'upstream-ends' as const,
          'upstream-vanishes' as const,
          'upstream-stalls' as const,
          'upstream-takes' as const,
        ),
        upstream: fc.nat(5),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom('retire' as const, 'drain' as const) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('time' as const),
        ms: fc.constantFrom(1, 2_000, 16_000),
      }),
    },
  ),
  { maxLength: 40 },
)

/** What each caller sends, one behind the other. */
export const plans: fc.Arbitrary<readonly (readonly Plan[])[]> = fc.array(
  fc.array(fc.record({ body: fc.constantFrom('none', 'length', 'chunked', 'large') }), {
    minLength: 1,
    maxLength: 4,
  }),
  { minLength: CALLERS, maxLength: CALLERS },
)

/** One request of a caller: how its body is framed. */
export interface Plan {
  readonly body: string
}

function requestOf(id: string, { body }: Plan): string {
  const head = `POST /${id} HTTP/1.1\r\nHost: x\r\n`
  const data = `body of ${id}`
  if (body === 'none') return `GET /${id} HTTP/1.1\r\nHost: x\r\n\r\n`
  if (body === 'large') return `${head}Content-Length: 100000\r\n\r\n${id.padEnd(100_000, '.')}`
  if (body === 'length') return `${head}Content-Length: ${data.length}\r\n\r\n${data}`
  const size = data.length.toString(16)
  return `${head}Transfer-Encoding: chunked\r\n\r\n${size};x=y\r\n${data}\r\n0\r\nT: u\r\n\r\n`
}

function answerTo(id: string, how: Answering): string {
  const data = `[for ${id}]`
  const length = `Content-Length: ${data.length}`
  switch (how) {
    case 'chunked':
      return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${data.length.toString(16)}\r\n${data}\r\n0\r\n\r\n`
    case 'close':
      return `HTTP/1.1 200 OK\r\n\r\n${data}`
    case 'interim':
      return `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${length}\r\n\r\n${data}`
    case 'stray':
      return `HTTP/1.1 200 OK\r\n${length}\r\n\r\n${data}HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n[stray]`
    case 'garbage':
      return `garbage for ${id}\r\n\r\n`
    case 'last':
      return `HTTP/1.1 200 OK\r\nConnection: close\r\n${length}\r\n\r\n${data}`
    default:
      return `HTTP/1.1 200 OK\r\n${length}\r\n\r\n${data}`
  }
}

interface Caller {
  readonly bench: Bench<MemoryPool['pool']>
  readonly ids: readonly string[]
  readonly text: string
  sent: number
  ended: boolean
}

/** One upstream connection: what it was asked, and the answer that it is giving. */
interface Upstream {
  readonly socket: MemorySocket
  answered: number
  rest: string
  /** The end of the connection is the end of the answer. */
  ends: boolean
}

/** Callers and upstreams without any wire between them, moved event by event. */
class Installation {
  readonly clock: StoppedClock = { now: 1000 }
  readonly pool = new MemoryPool({}, this.clock)
  readonly callers: readonly Caller[]
  readonly upstreams: Upstream[] = []

  constructor(all: readonly (readonly Plan[])[]) {
    this.callers = all.map((plan, i) => {
      const ids = plan.map((_, k) => `r${i}-${k}`)
      const text = plan.map((one, k) => requestOf(ids[k]!, one)).join('')
      return { bench: callerOf(this.pool.pool, {}, this.clock), ids, text, sent: 0, ended: false }
    })
  }

  async happen(event: Event): Promise<void> {
    if ('caller' in event) return this.#caller(this.callers[event.caller]!, event)
    if ('upstream' in event) return this.#upstream(event)
    if (event.kind === 'connect') this.connect()
    else if (event.kind === 'retire') this.pool.pool.retire()
    else if (event.kind === 'drain') this.callers[0]!.bench.connection.drain()
    else if (event.kind === 'time') this.pass(event.ms)
    await settled()
  }

  connect(): void {
    if (this.pool.dials === 0) return
    const socket = this.pool.connect()
    this.upstreams.push({ socket, answered: 0, rest: '', ends: false })
  }

  pass(ms: number): void {
    this.clock.now += ms
    this.pool.pool.tick(this.clock.now)
    for (const { bench } of this.callers) bench.connection.tick(this.clock.now)
  }

  async send(caller: Caller, bytes: number): Promise<void> {
    const { socket } = caller.bench
    // As with a real socket: a peer that does not read is not sent more and more.
    if (socket.destroyed || caller.ended || socket.readableLength > 200_000) return
    const part = caller.text.slice(caller.sent, caller.sent + bytes)
    caller.sent += part.length
    if (part !== '') await socket.arrive(part)
  }

  async answer(upstream: Upstream, how: Answering, bytes: number): Promise<void> {
    const { socket } = upstream
    if (socket.destroyed || socket.readableEnded) return
    if (upstream.ends && upstream.rest === '') return
    if (upstream.rest === '') {
      const asked = [...socket.sent.matchAll(/(?:GET|POST) \/(r\d-\d) HTTP/g)]
      const id = asked[upstream.answered]?.[1]
      if (id === undefined) return
      upstream.answered++
      upstream.rest = answerTo(id, how)
    }
    // A stray answer that comes after the next request cannot be distinguished from its own answer.
    const most = how === 'stray' ? upstream.rest.length : bytes
    const part = upstream.rest.slice(0, most)
    upstream.rest = upstream.rest.slice(most)
    upstream.ends ||= how === 'close'
    await this.pool.answer(socket, part)
    await this.endIfDone(upstream)
  }

  /** An answer that ends with its connection: once all of it has been read. */
  async endIfDone(upstream: Upstream): Promise<void> {
    const { socket, ends, rest } = upstream
    await this.pool.deliver(socket)
    if (!ends || rest !== '' || this.pool.waiting(socket) !== '') return
    if (!socket.destroyed && !socket.readableEnded) await socket.arriveEnd()
  }

  async #caller(caller: Caller, event: Extract<Event, { caller: number }>): Promise<void> {
    const { socket } = caller.bench
    if (event.kind === 'send') return this.send(caller, event.bytes)
    if (event.kind === 'stall') socket.stalled = true
    else if (event.kind === 'take') await socket.letGo()
    else if (event.kind === 'vanish') socket.destroy()
    else if (!socket.destroyed && !caller.ended) {
      caller.ended = true
      await socket.arriveEnd()
    }
    await settled()
  }

  async #upstream(event: Extract<Event, { upstream: number }>): Promise<void> {
    const upstream = this.upstreams[event.upstream]
    if (upstream === undefined) return
    const { socket } = upstream
    if (event.kind === 'answer') return this.answer(upstream, event.how, event.bytes)
    if (event.kind === 'upstream-stalls') socket.stalled = true
    else if (event.kind === 'upstream-takes') await socket.letGo()
    else if (event.kind === 'upstream-vanishes') socket.destroy()
    else {
      upstream.ends = true
      upstream.rest = ''
      await this.endIfDone(upstream)
    }
    await settled()
  }

  /** Every side does what is left to do and holds nothing back. */
  async calm(): Promise<void> {
    for (let round = 0; round < 60; round++) {
      for (const caller of this.callers) {
        await caller.bench.socket.letGo()
        await this.send(caller, 50_000)
      }
      while (this.pool.dials > 0) this.connect()
      for (const upstream of this.upstreams) {
        await upstream.socket.letGo()
        await this.endIfDone(upstream)
        if (this.#readyToAnswer(upstream)) await this.answer(upstream, 'length', 1_000_000)
      }
    }
  }

  #readyToAnswer({ socket, answered, rest }: Upstream): boolean {
    return rest !== '' || [...socket.sent.matchAll(/ \/r\d-\d HTTP/g)].length > answered
  }
}

/** Plays the events, then lets every side finish. Returns the violated rule, or null. */
export async function chaos(
  all: readonly (readonly Plan[])[],
  script: readonly Event[],
): Promise<string | null> {
  const installation = new Installation(all)
  for (const event of script) await installation.happen(event)
  await installation.calm()
  const wrong = wrongWithCallers(installation) ?? (await wrongWithUpstreams(installation))
  for (const { bench } of installation.callers) bench.socket.destroy()
  await settled()
  return wrong ?? leftBehind(installation)
}

/** Each caller is answered in order, by its own answers, and none waits for ever. */
function wrongWithCallers({ callers }: Installation): string | null {
  for (const { bench, ids, text, sent, ended } of callers) {
    const { socket, handler } = bench
    const answers = [...socket.sent.matchAll(/\[(?:for )?(\S+)\]/g)].map(([, id]) => id!)
    let next = 0
    for (const id of answers) {
      const found = ids.indexOf(id, next)
      if (found === -1) return `${ids[0]} was answered with ${id}`
      next = found + 1
    }
    const over = socket.destroyed || socket.writableEnded || ended
    if (!over && sent < text.length) return `${ids[0]}: the rest of what it sends is not read`
    if (!over && handler.ended.length < ids.length)
      return `${ids[handler.ended.length]} waits for ever`
  }
  return null
}

/** No request was sent twice or mixed with another, and complete ones arrived complete. */
async function wrongWithUpstreams({ upstreams, callers }: Installation): Promise<string | null> {
  const seen = new Set<string>()
  const texts = new Map(
    callers.flatMap(({ ids, text }) =>
      ids.map((id) => [id, text.slice(text.search(new RegExp(`(GET|POST) /${id} `)))] as const),
    ),
  )
  for (const { socket } of upstreams) {
    const { messages, refused } = await nodeReads(socket.sent)
    if (refused !== null) return `an upstream cannot read what it was sent: ${refused}`
    for (const { target, body, whole } of messages) {
      const id = target.slice(1)
      if (seen.has(id)) return `${id} was sent twice`
      seen.add(id)
      const original = (await nodeReads(texts.get(id)!)).messages[0]!
      if (whole ? body !== original.body : !original.body.startsWith(body))
        return `the body of ${id} differs`
    }
  }
  return null
}

/** When all callers are gone nothing of them is left. */
function leftBehind({ pool, callers }: Installation): string | null {
  if (pool.pool.exchanges !== 0) return `${pool.pool.exchanges} exchanges are left behind`
  for (const { bench, ids } of callers) {
    const { heads, ended } = bench.handler
    const unread = ended.filter(({ method }) => method === -1).length
    if (heads.length + unread !== ended.length) return `${ids[0]}: exchanges did not end once each`
    if (bench.connection.bufferedBytes !== 0) return `${ids[0]}: bytes are left behind`
  }
  return null
}
