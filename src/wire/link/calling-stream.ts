import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { Exchange } from '../exchange.ts'
import type { UpstreamStream, WireSettings } from '../face.ts'
import {
  closedEarly,
  FLAW,
  givenUp,
  interimFlaw,
  late,
  linkFull,
  malformed,
  responseRefusal,
  takesNothing,
} from '../flaws.ts'
import { Body } from '../h1/body.ts'
import { parseResponseHead } from '../h1/response-head.ts'
import { HEAD_METHOD, Head } from '../head.ts'
import { owesAnswer } from '../pace.ts'
import { FLAG, FRAME, LARGE_BYTES, RESET } from './frames.ts'
import type { CallingStreamLink, LinkStream, StreamOwner } from './link-stream.ts'
import { SecondTry } from './second-try.ts'
import { type BodySource, Receiver, Sender } from './sender.ts'

const HEAD = new Head()
const NOTHING = Buffer.alloc(0)

/** The caller's end of one exchange on a link: the request's way out, the response's way in. */
export class CallingStream<N> implements UpstreamStream, LinkStream, BodySource {
  readonly x: Exchange<N>
  /** Of the route that it takes, for learning. */
  readonly route: number
  /** The composed head, as long as it has not left. */
  waitingHead: Buffer | null = null
  readonly #settings: WireSettings
  readonly #keeper: StreamOwner<CallingStream<N>>
  readonly #sender = new Sender(this)
  readonly #receiver = new Receiver()
  readonly #second = new SecondTry(this.#sender)
  readonly #body: Body
  #state: 'undecided' | 'waiting' | 'open' | 'over' = 'waiting'
  #link: CallingStreamLink | null = null
  #id = 0
  #inBody = false
  #interim = 0
  /** Since when it is for the upstream to go on. */
  #since = 0

  constructor(
    x: Exchange<N>,
    route: number,
    settings: WireSettings,
    keeper: StreamOwner<CallingStream<N>>,
  ) {
    this.x = x
    this.route = route
    this.#settings = settings
    this.#keeper = keeper
    this.#body = new Body(settings.responseNames, settings.keepTrailer)
  }

  /** Takes what comes in this turn, and asks the keeper then. */
  undecided(head: Buffer): void {
    this.wait(head, 'undecided')
  }

  /** Waits for a link. */
  wait(head: Buffer, state: 'undecided' | 'waiting' = 'waiting'): void {
    this.#state = state
    this.waitingHead = head
    this.x.upstream = this
  }

  /** No other peer has taken in time what one had given back. */
  tickWaiting(now: number): void {
    const refusal = this.#second.tooLate(now)
    if (refusal !== null) this.#lose(refusal)
  }

  /** Goes another way: head and body as far as they have come, as they stand on any wire. */
  divert(): Buffer {
    const bytes = Buffer.concat([this.waitingHead ?? NOTHING, this.#sender.takeQueue()])
    this.#over()
    return bytes
  }

  /** Takes the exchange on: the head leaves with this turn's batch. */
  attach(link: CallingStreamLink, id: number, head: Buffer, length: number): void {
    this.#state = 'open'
    this.#link = link
    this.#id = id
    this.#second.keep(this.waitingHead ?? Buffer.from(head.subarray(0, length)), link.batch)
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
    return this.#sender.heldBytes + (this.waitingHead ?? this.#second.head ?? NOTHING).length
  }

  get blocked(): boolean {
    return this.#state === 'waiting' || (this.#state === 'open' && this.#sender.blocked)
  }

  span(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'over') return
    this.#since = this.#settings.clock.now
    this.#sender.put(bytes, start, end)
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
    if (this.#inBody || this.#receiver.ended) return 'bad-order'
    this.#second.delivered()
    const { responseNames, limits } = this.#settings
    const toHead = this.x.method === HEAD_METHOD
    const next = parseResponseHead(HEAD, bytes, start, end, responseNames, limits, toHead)
    if (next < 0) return this.#fail(responseRefusal(next, this.#name, HEAD.atFault))
    if (next !== end) return this.#fail(malformed(this.#name, 'a head that is not whole'))
    const interim = HEAD.status < 200
    let flaw = interim ? interimFlaw(HEAD.status, ++this.#interim) : null
    if (interim !== ((flags & FLAG.info) !== 0)) flaw = 'a mislabelled head'
    if (flaw !== null) return this.#fail(malformed(this.#name, flaw))
    if (!this.x.respond(HEAD) || interim || this.#state !== 'open') return null
    this.#inBody = true
    this.#since = this.#settings.clock.now
    this.#body.begin(HEAD, this.x.carry(HEAD))
    if (HEAD.hasBody && HEAD.contentLength > LARGE_BYTES) this.#keeper.learn(this, true)
    return (flags & FLAG.end) === 0 ? null : this.ended()
  }

  dataBegins(length: number): LinkEnding | null {
    if (!this.#inBody || this.#receiver.ended) return 'bad-order'
    return this.#receiver.take(length) ? null : 'bad-credit'
  }

  data(bytes: Buffer, start: number, end: number): LinkEnding | null {
    if (this.#state !== 'open') return null
    this.#since = this.#settings.clock.now
    const next = this.#body.done ? -1 : this.#body.take(bytes, start, end, this.x.downstream)
    if (next === -1) return this.#fail(responseRefusal(FLAW.chunk, this.#name))
    if (next !== end) return this.#fail(malformed(this.#name, 'more body than its head says'))
    this.#receiver.handedOn(end - start)
    return null
  }

  ended(): LinkEnding | null {
    if (this.#receiver.ended) return 'bad-order'
    this.#receiver.ended = true
    if (this.#state !== 'open') return null
    const { x } = this
    if (!this.#inBody) return this.#fail(malformed(this.#name, 'an end without a beginning'))
    if (!this.#body.done && !this.#body.connectionEnded(x.downstream)) {
      return this.#fail(malformed(this.#name, 'less body than its head says'))
    }
    this.#keeper.learn(this, x.bytesOut > LARGE_BYTES)
    // What is left of the request is not wanted, wherever it waits.
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
    else this.#lose(givenUp(this.#name, this.#inBody))
  }

  lost(): void {
    if (this.#state === 'open' && !this.#second.hasLeft && this.#again('lost')) return
    this.#lose(closedEarly(this.#name, this.#inBody))
  }

  /** No link came about. */
  unreached(refusal: Refusal): void {
    this.#lose(this.#second.unreached(refusal))
  }

  /** Nothing of it was acted on: another peer gets head and body from their first bytes on. */
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
   * The peer's gate has refused us, in HTTP/1.1: what it says is the answer, as it would be without
   * a link.
   */
  turnedAway(text: Buffer): void {
    const { responseNames, limits } = this.#settings
    const toHead = this.x.method === HEAD_METHOD
    const end = text.length
    const next = parseResponseHead(HEAD, text, 0, end, responseNames, limits, toHead)
    if (this.#inBody || next <= 0) return this.lost()
    if (!this.x.respond(HEAD) || this.#state !== 'open') return
    this.#body.begin(HEAD, this.x.carry(HEAD))
    if (!this.#body.done) this.#body.take(text, next, end, this.x.downstream)
    this.#inBody = true
    if (!this.#body.done) return this.lost()
    const { x } = this
    this.#over()
    x.done()
  }

  tick(now: number): void {
    const { limits } = this.#settings
    const stalls = this.#sender.stalls(now, limits.calleeReadIdleMs)
    if (stalls) return void this.#fail(takesNothing(this.#name), RESET.cancelled)
    if (!owesAnswer(this.x, this.#sender.blocked)) this.#since = now
    const flaw = late(this.#name, now - this.#since, this.#inBody, limits)
    if (flaw !== null) this.#fail(flaw, RESET.cancelled)
  }

  #grant(): void {
    if (this.#state !== 'open' || this.x.downstream.blocked) return
    const due = this.#receiver.due()
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
    this.#second.head = null
    this.#sender.stop()
    this.#link?.drop(this.#id)
    this.#link = null
    this.#keeper.gone(this)
  }
}
