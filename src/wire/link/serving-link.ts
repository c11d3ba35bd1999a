import type { Socket } from 'node:net'
import { freeMemory } from '../../memory.ts'
import { Budget } from '../../refusal/budget.ts'
import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { Underlying } from '../../refusal/record-overhead.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { Exchange, RequestHandler } from '../exchange.ts'
import type { WireSettings } from '../face.ts'
import type { LinkFrame } from './frame-reader.ts'
import { FLAG, FRAME, MOST_EXCHANGES, RESET } from './frames.ts'
import { LinkConnection } from './link.ts'
import type { LinkEvents } from './link-stream.ts'
import { type CallerTurns, RefusedInTurn } from './refusal-turns.ts'
import { ServingStream } from './serving-stream.ts'
import { SpareStreams } from './spare-streams.ts'

/** Exchanges that the caller cancels, or of which bytes are refused: at once, and per second on top. */
const MOST_CANCELS = 1024
const CANCELS_PER_SECOND = 128
/** After GOAWAY: how long exchanges are still served that the peer sent before it read it. */
const GRACE_MS = 2000
/** When memory is short, a stream that holds more than this reads too slowly. */
const MOST_UNREAD_BYTES = 1_048_576
/** The number for one link in one turn of the event loop. */
const MOST_IN_TURN = { refused: 8, shed: 512 }

const NOTHING = Buffer.alloc(0)

/** What several links hold together. */
export interface UnreadAnswers {
  /** Exchanges with output that may not have been sent yet: open ones, and answers in transit. */
  held: number
  readonly mostHeld: number
}

/** What a link does with what comes in. */
export interface LinkServing<N> {
  /** The context of one exchange; a new one for each that is open at the same time. */
  readonly context: () => N
  readonly handler: RequestHandler<N>
  /** The same one for all links. */
  readonly load: UnreadAnswers
  /** The same one for all links of this caller. */
  readonly own: UnreadAnswers
  /** The same, for what is refused to this caller. */
  readonly turns: CallerTurns
  /** What carries TLS; null where there is none. */
  readonly below: Underlying | null
  readonly closed: (link: ServingLink<N>) => void
}

/** The serving end of a link: each exchange is judged separately, as if it were alone. */
export class ServingLink<N> extends LinkConnection<ServingStream<N>> {
  readonly #serving: LinkServing<N>
  readonly #cancels: Budget
  readonly #spare = new SpareStreams<ServingStream<N>>()
  readonly #closesAt: number
  #leftAt = 0
  /** Frames of one read that wait for the next turn. */
  #aside: Buffer = NOTHING
  readonly #refused = new RefusedInTurn(MOST_IN_TURN)
  readonly #turnEnds = () => {
    const aside = this.#aside
    this.#aside = NOTHING
    if (this.ended) return
    this.#take(aside)
    if (this.#aside.length === 0) this.socket.resume()
  }
  /** This link's part of the load; -1 once the link is over. */
  #held = 0

  constructor(
    socket: Socket,
    peer: string,
    settings: WireSettings,
    events: LinkEvents,
    serving: LinkServing<N>,
  ) {
    super(socket, peer, settings, events, serving.below)
    this.#serving = serving
    const { now } = settings.clock
    this.#cancels = new Budget(MOST_CANCELS, CANCELS_PER_SECOND, now)
    this.#closesAt = now + settings.limits.connectionMaxAgeMs * (0.9 + Math.random() * 0.1)
    socket.on('data', (bytes: Buffer) => {
      this.overhead.heard(bytes.length)
      this.#take(bytes)
    })
  }

  override get bufferedBytes(): number {
    return super.bufferedBytes + this.#aside.length
  }

  /**
   * One read can hold a thousand requests that are refused at once; others get turns in between.
   */
  get hadItsTurn(): boolean {
    return this.#refused.isFull || this.#serving.turns.isFull
  }

  /** All bytes held for this caller, including those waiting at its upstreams. */
  get heldForCaller(): number {
    let bytes = this.bufferedBytes
    for (const stream of this.streams.all()) bytes += stream.upstreamBytes
    return bytes
  }

  /** Bytes below TLS that brought no data, beyond what is allowed. */
  get overheadBytes(): number {
    const { clock, limits } = this.settings
    return this.overhead.beyond(clock.now, limits)
  }

  /** Drops this many held bytes, because there is no memory for them. */
  shed(bytes: number): void {
    let left = bytes
    for (const stream of this.streams.all()) {
      if (left <= 0) return
      const held = stream.bufferedBytes + stream.upstreamBytes
      if (held === 0) continue
      stream.shed()
      left -= held
    }
    if (this.batch.waitingBytes > MOST_UNREAD_BYTES) this.close('not-reading')
    // No exchange has begun that could be refused instead.
    else if (this.pieces.begun) this.close('slow-frame')
  }

  /** Calls `visit` for every open exchange. */
  forEachOpen(visit: (x: Exchange<N>) => void): void {
    for (const { exchange } of this.streams.all()) if (exchange.open) visit(exchange)
  }

  /** Open exchanges finish; the caller is told to send others elsewhere. */
  drain(): void {
    this.leave()
  }

  retire(): void {
    this.leave()
  }

  /** Ends it at once, whatever is running. */
  destroy(): void {
    this.close('lost', 'it was cut')
  }

  override leave(): void {
    if (!this.leaving) this.#leftAt = this.settings.clock.now
    super.leave()
  }

  override tick(now: number): void {
    super.tick(now)
    if (this.ended) return
    this.#recount()
    this.#spare.tick(now)
    const resting = this.size === 0
    const { idleMs } = this.settings.limits
    if (this.leaving) {
      if (resting && now - this.#leftAt > GRACE_MS) this.finish()
    } else if (now >= this.#closesAt || (resting && now - this.usedAt > 2 * idleMs)) this.leave()
  }

  /** The exchange is over here. */
  override drop(id: number): void {
    const stream = this.streams.get(id)
    super.drop(id)
    if (stream === undefined) return
    this.#recount()
    this.#spare.give(stream)
  }

  protected override head({ type, flags, id, bytes, start, end }: LinkFrame): LinkEnding | null {
    if (type !== FRAME.open || id <= this.lastId || this.peerLeaves) return 'bad-order'
    this.lastId = id
    if (this.ended) return 'lost'
    if (this.#isTooLate()) {
      this.batch.reset(id, RESET.undelivered)
      return this.controlFrames()
    }
    // An answered exchange counts until the answer was sent, so a peer that does not read cannot
    // open more.
    if (this.size + this.batch.unsentEnds >= MOST_EXCHANGES) {
      this.batch.reset(id, RESET.refused)
      return this.controlFrames()
    }
    // For the handler an exchange is over once it is answered; here unsent answers count too.
    this.#recount()
    const { load, own } = this.#serving
    const whole = load.held >= load.mostHeld
    if (whole || own.held >= own.mostHeld) {
      this.settings.limitHit?.(whole ? 'exchanges' : 'exchangesToModule')
      this.batch.reset(id, RESET.refused)
      return this.controlFrames()
    }
    const ended = (flags & FLAG.end) !== 0
    const stream = this.#spare.take() ?? this.#newStream()
    if (ended && this.#serving.handler.refusesUnread?.(stream.exchange, bytes, start) === true) {
      this.#spare.give(stream)
      this.#shed()
      this.batch.reset(id, RESET.refused)
      return null
    }
    this.opened(id, stream)
    this.#recount()
    const flaw = stream.begin(id, bytes, start, end, ended)
    if (!stream.exchange.open) this.#refusedNow(stream.exchange.refused)
    if (!stream.settled) this.settling.add(stream)
    return flaw
  }

  protected override peerLeft(): void {
    this.leave()
    if (this.size === 0) this.finish()
  }

  protected override restful(): void {
    if (this.leaving && this.peerLeaves) this.finish()
  }

  /** An exchange was given up, or its bytes were refused. */
  override cancelled(): LinkEnding | null {
    return this.#cancels.spend(this.settings.clock.now) ? null : 'too-many-cancels'
  }

  protected override unusable(): void {
    this.#recount(0)
    this.#held = -1
  }

  protected override closed(): void {
    this.#serving.closed(this)
  }

  #take(bytes: Buffer): void {
    // A paused TLS socket may still deliver what it has read.
    if (this.#aside.length > 0) {
      this.#aside = Buffer.concat([this.#aside, bytes])
      return
    }
    const { length } = bytes
    const { lastId } = this
    const next = this.read(bytes, 0, length)
    // What is known of an exchange may refer to its head, nothing to a body.
    if (next === length && this.lastId === lastId) freeMemory(bytes)
    if (next === length || this.ended) return
    this.#aside = bytes.subarray(next)
    this.socket.pause()
    this.#serving.turns.wait(this.#turnEnds)
  }

  /** An exchange ended as soon as it began. */
  #refusedNow(refused: Refusal | null): void {
    if (refused?.limit === 'turnMs') return this.#shed()
    this.#refused.refused()
    this.#serving.turns.refused()
  }

  #shed(): void {
    this.#refused.shed()
    this.#serving.turns.shed()
  }

  /** An answer is held until it was sent, which is not reported, so the clock checks too. */
  #recount(held = this.size + this.batch.unsentEnds): void {
    if (this.#held === -1) return
    const { load, own } = this.#serving
    load.held += held - this.#held
    own.held += held - this.#held
    this.#held = held
  }

  #isTooLate(): boolean {
    return this.leaving && this.settings.clock.now - this.#leftAt > GRACE_MS
  }

  #newStream(): ServingStream<N> {
    const { context, handler } = this.#serving
    return new ServingStream(context(), handler, this.settings, this)
  }
}
