import { freeMemory } from '../../memory.ts'
import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { Exchange } from '../exchange.ts'
import type { UpstreamStream, WireSettings } from '../face.ts'
import { closedEarly, givenUp, late, linkFull, takesNothing } from '../flaws.ts'
import { HEAD_METHOD } from '../head.ts'
import { owesAnswer } from '../pace.ts'
import { FLAG, FRAME, LARGE_BYTES, RESET } from './frames.ts'
import type { CallingStreamLink, LinkStream, StreamOwner } from './link-stream.ts'
import { ResponseReader } from './response-reader.ts'
import { SecondTry } from './second-try.ts'
import { type BodySource, Sender } from './sender.ts'

const NOTHING = Buffer.alloc(0)

/**
 * The caller's end of one exchange on a link: the request's way out, the response's way in. One object
 * serves many exchanges, each in its turn.
 */
export class CallingStream<N> implements UpstreamStream, LinkStream, BodySource {
  x!: Exchange<N>
  /** The route of the request, to learn whether it is a large one. */
  route = 0
  /** The composed head, as long as it has not left. */
  waitingHead: Buffer | null = null
  readonly #settings: WireSettings
  readonly #keeper: StreamOwner<CallingStream<N>>
  readonly #sender = new Sender(this)
  readonly #second = new SecondTry(this.#sender)
  readonly #response: ResponseReader
  #state: 'undecided' | 'waiting' | 'open' | 'over' = 'over'
  #link: CallingStreamLink | null = null
  #id = 0
  /** Since when it is the upstream's turn. */
  #since = 0

  constructor(settings: WireSettings, keeper: StreamOwner<CallingStream<N>>) {
    this.#settings = settings
    this.#keeper = keeper
    this.#response = new ResponseReader(settings)
  }

  /** Starts with a new exchange; the previous one is over. `wait` or `attach` follows. */
  begin(x: Exchange<N>, route: number): void {
    this.x = x
    this.route = route
    this.#state = 'waiting'
    this.#since = 0
    this.#sender.begin(null, 0)
    this.#second.begin()
    this.#response.begin()
  }

  /** Collects what arrives in this turn, then asks the keeper. */
  undecided(head: Buffer): void {
    this.wait(head, 'undecided')
  }

  /** Waits for a link. */
  wait(head: Buffer, state: 'undecided' | 'waiting' = 'waiting'): void {
    this.#state = state
    this.waitingHead = head
    this.x.upstream = this
  }

  /** No other peer has accepted in time what one had returned. */
  tickWaiting(now: number): void {
    const refusal = this.#second.tooLate(now)
    if (refusal !== null) this.#lose(refusal)
  }

  /** Goes another way: with head and body as far as they have arrived, in HTTP/1.1 form. */
  divert(): Buffer {
    const bytes = Buffer.concat([this.waitingHead ?? NOTHING, this.#sender.takeQueue()])
    this.#over()
    return bytes
  }

  /** Starts the exchange: the head leaves with this turn's batch. */
  attach(link: CallingStreamLink, id: number, head: Buffer, length: number): void {
    this.#state = 'open'
    this.#link = link
    this.#id = id
    this.#second.keep(head, length, link.batch)
    this.waitingHead = null
    this.#since = this.#settings.clock.now
    link.batch.head(FRAME.open, 0, id, head, length)
    this.#sender.attach(link.batch, id)
    if (this.x.requestSent) this.#sender.finish()
    this.x.connected(this, link.peer)
  }

  /** The identity that the other end of the link proved. */
  get #name(): string {
    return this.#link?.peer ?? 'the upstream'
  }

  get bufferedBytes(): number {
    return this.#sender.heldBytes + (this.waitingHead?.length ?? this.#second.heldBytes)
  }

  get blocked(): boolean {
    return this.#state === 'waiting' || (this.#state === 'open' && this.#sender.blocked)
  }

  span(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'over') return
    this.#since = this.#settings.clock.now
    this.#sender.put(bytes, start, end)
    if (end - start === bytes.length) freeMemory(bytes)
  }

  flush(): void {
    if (this.#state === 'undecided') this.#keeper.decide(this, false)
    else if (this.#state === 'open') this.#link?.flush(this.#id)
  }

  finish(): void {
    if (this.#state === 'undecided') this.#keeper.decide(this, true)
    else if (this.#state === 'open') this.#sender.finish()
  }

  cancel(): void {
    if (this.#state === 'open') this.#link?.batch.reset(this.#id, RESET.cancelled)
    this.#over()
  }

  /** The caller reads again. */
  resume(): void {
    this.#grant()
  }

  drained(): void {
    this.x.downstream.resume()
  }

  sent(): void {}

  /** A whole head. */
  head(bytes: Buffer, start: number, end: number, flags: number): LinkEnding | null {
    const { x } = this
    const response = this.#response
    if (response.inBody || response.receiver.ended) return 'bad-order'
    this.#second.delivered()
    const toHead = x.method === HEAD_METHOD
    const flaw = response.readHead(bytes, start, end, flags, toHead, this.#name)
    if (flaw !== null) return this.#fail(flaw)
    if (!x.respond(response.head) || response.isInterim || this.#state !== 'open') return null
    this.#since = this.#settings.clock.now
    response.beginBody(x.carry(response.head))
    if (response.isLarge) this.#keeper.learn(this, true)
    return (flags & FLAG.end) === 0 ? null : this.ended()
  }

  dataBegins(length: number): LinkEnding | null {
    const { inBody, receiver } = this.#response
    if (!inBody || receiver.ended) return 'bad-order'
    return receiver.take(length) ? null : 'bad-credit'
  }

  data(bytes: Buffer, start: number, end: number): LinkEnding | null {
    if (this.#state !== 'open') return null
    this.#since = this.#settings.clock.now
    const flaw = this.#response.readBody(bytes, start, end, this.#name, this.x.downstream)
    return flaw === null ? null : this.#fail(flaw)
  }

  ended(): LinkEnding | null {
    const { receiver } = this.#response
    if (receiver.ended) return 'bad-order'
    receiver.ended = true
    if (this.#state !== 'open') return null
    const { x } = this
    const flaw = this.#response.end(this.#name, x.downstream)
    if (flaw !== null) return this.#fail(flaw)
    this.#keeper.learn(this, x.bytesOut > LARGE_BYTES)
    // The rest of the request is not wanted, wherever it waits.
    if (!this.#sender.ended) this.#link?.batch.reset(this.#id, RESET.cancelled)
    this.#over()
    x.done()
    return null
  }

  granted(bytes: number): boolean {
    this.#second.delivered()
    return this.#sender.granted(bytes)
  }

  get settled(): boolean {
    return this.#state !== 'open'
  }

  settle(): void {
    if (this.#state !== 'open') return
    this.x.downstream.flush()
    this.#grant()
  }

  reset(why: number): void {
    if (why === RESET.undelivered && this.#again('stops')) return
    if (why === RESET.refused) this.#lose(linkFull(this.#name))
    else this.#lose(givenUp(this.#name, this.#response.inBody))
  }

  lost(): void {
    if (this.#state === 'open' && !this.#second.hasLeft && this.#again('lost')) return
    this.#lose(closedEarly(this.#name, this.#response.inBody))
  }

  /** No link came about. */
  unreached(refusal: Refusal): void {
    this.#lose(this.#second.unreached(refusal))
  }

  /** Nothing of it was acted on: another peer gets the whole head and body. */
  #again(peer: 'stops' | 'lost'): boolean {
    const { limits, clock } = this.#settings
    const head = this.#second.take(clock.now + limits.connectWaitMs, peer === 'stops')
    if (head === null) return false
    if (peer === 'stops') this.#link?.refusesAll()
    this.#link = null
    this.wait(head)
    this.#keeper.again(this)
    return true
  }

  /**
   * The peer has refused us at the handshake, in HTTP/1.1: its response is the answer, as without a
   * link. A 1xx is none: with nothing behind it the exchange would be over without an answer, and the rest of
   * its request would be read as the next one.
   */
  turnedAway(text: Buffer): void {
    const { x } = this
    const response = this.#response
    const next = response.readText(text, x.method === HEAD_METHOD)
    if (response.inBody || next <= 0 || response.isInterim) return this.lost()
    if (!x.respond(response.head) || this.#state !== 'open') return
    response.beginBody(x.carry(response.head))
    if (!response.readRest(text, next, x.downstream)) return this.lost()
    this.#over()
    x.done()
  }

  tick(now: number): void {
    const { limits } = this.#settings
    const stalls = this.#sender.stalls(now, limits.calleeReadIdleMs)
    if (stalls) return void this.#fail(takesNothing(this.#name), RESET.cancelled)
    if (!owesAnswer(this.x, this.#sender.blocked)) this.#since = now
    const flaw = late(this.#name, now - this.#since, this.#response.inBody, limits)
    if (flaw !== null) this.#fail(flaw, RESET.cancelled)
  }

  #grant(): void {
    if (this.#state !== 'open' || this.x.downstream.blocked) return
    const due = this.#response.receiver.due()
    if (due > 0) this.#link?.batch.credit(this.#id, due)
  }

  #fail(refusal: Refusal, why: number = RESET.malformed): null {
    if (this.#state === 'open') this.#link?.batch.reset(this.#id, why)
    this.#lose(refusal)
    return null
  }

  #lose(refusal: Refusal): void {
    if (this.#state === 'over') return
    const { x } = this
    this.#over()
    x.fail(refusal)
  }

  #over(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.waitingHead = null
    this.#second.drop()
    this.#sender.stop()
    this.#link?.drop(this.#id)
    this.#link = null
    this.#keeper.gone(this)
  }
}
