import { REQUEST_NAMES, RESPONSE_NAMES } from '../../src/proxy/names.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'
import type { Exchange, RequestHandler, Upstream } from '../../src/wire/exchange.ts'
import type {
  Dial,
  Outcome,
  UpstreamStream,
  WireLimits,
  WireSettings,
} from '../../src/wire/face.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { Pool } from '../../src/wire/h1/pool.ts'
import { UpstreamConnection } from '../../src/wire/h1/upstream.ts'
import { type Head, SERVED_METHODS } from '../../src/wire/head.ts'
import type { HeadWriter } from '../../src/wire/head-writer.ts'
import { MemorySocket, settled } from './memory-socket.ts'
import { LIMITS } from './relay.ts'

/** A clock that only a test moves. */
export interface StoppedClock {
  now: number
}

/** The settings of wire, with limits of the test and a clock that only the test moves. */
export function settingsWith(
  limits: Partial<WireLimits> = {},
  clock: StoppedClock = { now: 1000 },
): WireSettings {
  return {
    requestNames: REQUEST_NAMES,
    responseNames: RESPONSE_NAMES,
    keepTrailer: (id) => id === 0,
    limits: { ...LIMITS, ...limits },
    clock,
  }
}

/** A head as wire read it. */
export interface ReadHead {
  readonly method: string
  readonly target: string
  readonly version: number
  readonly status: number
  /** Name and value of each line, in their order and case. */
  readonly lines: readonly (readonly [string, string])[]
}

/** Copies what a head says. */
export function readHead(head: Head): ReadHead {
  const lines = Array.from(
    { length: head.count },
    (_, line) =>
      [
        head.bytes.toString('latin1', head.nameStart[line]!, head.nameEnd[line]!),
        head.value(line),
      ] as const,
  )
  return {
    method: SERVED_METHODS[head.method] ?? '',
    target: head.bytes.toString('latin1', head.targetStart, head.targetEnd),
    version: head.version,
    status: head.status,
    lines,
  }
}

/** What the handler was told at the end of an exchange. */
export interface EndedExchange {
  readonly method: number
  readonly status: number
  readonly refused: Refusal | null
  readonly outcome: Outcome
  readonly bytesIn: number
  readonly bytesOut: number
}

const NO_DROPS = new Uint8Array(256)
/** Host is ours on every leg, and request trailers are not announced, as at every listener. */
const REQUEST_DROPS = NO_DROPS.slice().fill(1, 3, 4).fill(1, 7, 8)

/** A handler without policy that keeps what it was told. */
export class PlainHandler implements RequestHandler<null> {
  readonly heads: ReadHead[] = []
  readonly answers: ReadHead[] = []
  readonly ended: EndedExchange[] = []
  judge: (head: ReadHead) => Refusal | null = () => null
  /** Which requests are refused unread, by all that they say. */
  unread: (head: string) => boolean = () => false
  readonly #upstream: Upstream<null>

  constructor(upstream: Upstream<null>) {
    this.#upstream = upstream
  }

  refusesUnread(_x: Exchange<null>, head: Buffer, start: number): boolean {
    return this.unread(head.toString('latin1', start))
  }

  begin(_x: Exchange<null>, head: Head, out: HeadWriter): Upstream<null> | Refusal {
    const read = readHead(head)
    this.heads.push(read)
    const refusal = this.judge(read)
    if (refusal !== null) return refusal
    out.text(`${read.method} ${read.target} HTTP/1.1\r\nHost: upstream\r\n`)
    out.lines(head, REQUEST_DROPS, false)
    return this.#upstream
  }

  answer(x: Exchange<null>, head: Head, out: HeadWriter): Refusal | 'hang-up' | null {
    this.answers.push(readHead(head))
    out.lines(head, NO_DROPS, x.reframed)
    return null
  }

  refusal(_x: Exchange<null>, { status, reason }: Refusal, close: boolean): Buffer | null {
    const connection = close ? 'Connection: close\r\n' : ''
    const length = `Content-Length: ${reason.length}`
    return Buffer.from(`HTTP/1.1 ${status} No\r\n${connection}${length}\r\n\r\n${reason}`)
  }

  end(x: Exchange<null>): void {
    const { method, status, refused, outcome, bytesIn, bytesOut } = x
    this.ended.push({ method, status, refused, outcome, bytesIn, bytesOut })
  }
}

/** One exchange as the upstream would see it. */
class Captured implements UpstreamStream {
  blocked = false
  readonly bufferedBytes = 0
  text: string
  whole = false
  cancelled = false
  readonly x: Exchange<null>

  constructor(x: Exchange<null>, head: string) {
    this.x = x
    this.text = head
  }

  span(bytes: Buffer, start: number, end: number): void {
    this.text += bytes.toString('latin1', start, end)
  }

  flush(): void {}

  finish(): void {
    this.whole = true
  }

  cancel(): void {
    this.cancelled = true
  }

  resume(): void {}
}

/** An upstream that keeps what it gets and answers nothing by itself. */
export class CapturingUpstream implements Upstream<null> {
  readonly exchanges: Captured[] = []

  open(x: Exchange<null>, head: HeadWriter): void {
    const captured = new Captured(x, head.bytes.toString('latin1', 0, head.length))
    this.exchanges.push(captured)
    captured.whole = x.requestDone
    x.connected(captured, 'upstream')
  }

  /** The exchange that is under way. */
  get last(): Captured | undefined {
    return this.exchanges.at(-1)
  }
}

/** A caller's connection in memory, its handler and what stands behind. */
export interface Bench<U> {
  readonly socket: MemorySocket
  readonly connection: Downstream<null>
  readonly handler: PlainHandler
  readonly upstream: U
  readonly clock: StoppedClock
}

/** A caller's connection in front of `upstream`. */
export function callerOf<U extends Upstream<null>>(
  upstream: U,
  limits: Partial<WireLimits> = {},
  clock: StoppedClock = { now: 1000 },
): Bench<U> {
  const socket = new MemorySocket()
  const handler = new PlainHandler(upstream)
  const connection = new Downstream(socket, null, handler, settingsWith(limits, clock), () => {})
  return { socket, connection, handler, upstream, clock }
}

/** A pool whose connections are in memory too. */
export class MemoryPool<N = null> {
  readonly sockets: MemorySocket[] = []
  readonly pool: Pool<N>
  /** Sockets whose other end is to be the last of several. */
  readonly avoided: [socket: unknown, how: string][] = []
  /** Dials that wait for `connect`. */
  readonly #dials: ((how: boolean | Refusal) => void)[] = []
  /** Upstreams whose reader has said stop, and what they could not deliver. */
  readonly #paused = new Set<MemorySocket>()
  readonly #undelivered = new Map<MemorySocket, string>()
  readonly #reads = new Map<MemorySocket, (length: number, bytes: Buffer) => boolean>()

  constructor(limits: Partial<WireLimits> = {}, clock: StoppedClock = { now: 1000 }) {
    const dial: Dial = (onread, done) => {
      const connect = (how: boolean | Refusal) => {
        if (typeof how !== 'boolean') return done(how, null, '')
        const socket = new MemorySocket()
        if (how) Object.assign(socket, { encrypted: true })
        this.sockets.push(socket)
        this.#reads.set(socket, onread.callback)
        socket.resume()
        socket.resumed = () => this.#paused.delete(socket)
        done(null, socket, 'upstream')
      }
      this.#dials.push(connect)
      return { cancel: () => this.#cancel(connect) }
    }
    const avoid = (socket: unknown, how: string) => this.avoided.push([socket, how])
    this.pool = new Pool('upstream', dial, settingsWith(limits, clock), undefined, avoid)
  }

  /** The next dial succeeds. Returns the upstream's end. */
  connect(encrypted = false): MemorySocket {
    this.#dials.shift()?.(encrypted)
    return this.sockets.at(-1)!
  }

  /** The next dial fails. */
  refuse(refusal: Refusal): void {
    this.#dials.shift()?.(refusal)
  }

  get dials(): number {
    return this.#dials.length
  }

  #cancel(connect: (how: boolean | Refusal) => void): void {
    const i = this.#dials.indexOf(connect)
    if (i !== -1) this.#dials.splice(i, 1)
  }

  /** One read, as the socket does it. Returns whether it may go on reading. */
  readonly read = (socket: MemorySocket, text: string): boolean => {
    const { readBuffer } = UpstreamConnection
    const length = readBuffer.write(text, 'latin1')
    const more = this.#reads.get(socket)!(length, readBuffer)
    // The buffer is overwritten: code that kept a reference to it would show the wrong bytes.
    readBuffer.fill('#', 0, length)
    if (!more) this.#paused.add(socket)
    return more
  }

  /** Bytes come from the upstream; while its reader is paused they wait. */
  async answer(socket: MemorySocket, text: string): Promise<void> {
    this.#undelivered.set(socket, this.waiting(socket) + text)
    await this.deliver(socket)
  }

  /** What the upstream has sent and was not read. */
  waiting(socket: MemorySocket): string {
    return this.#undelivered.get(socket) ?? ''
  }

  /** Reads as long as the reader wants more. */
  async deliver(socket: MemorySocket): Promise<void> {
    const most = UpstreamConnection.readBuffer.length
    for (let rest = this.waiting(socket); rest !== ''; rest = rest.slice(most)) {
      if (socket.destroyed || this.#paused.has(socket)) break
      this.#undelivered.set(socket, rest.slice(most))
      this.read(socket, rest.slice(0, most))
    }
    await settled()
  }
}
