import type { LinkEnding } from '../../refusal/link-endings.ts'
import { type Refusal, refuse } from '../../refusal/refusal.ts'
import { Exchange, type RequestHandler } from '../exchange.ts'
import type { DownstreamStream, WireSettings } from '../face.ts'
import { FLAW, NO_MEMORY, requestRefusal, UNREAD } from '../flaws.ts'
import { Body } from '../h1/body.ts'
import { parseRequestHead } from '../h1/request-head.ts'
import { Head } from '../head.ts'
import type { HeadWriter } from '../head-writer.ts'
import { Pace } from '../pace.ts'
import { Upload } from '../upload.ts'
import { FLAG, FRAME, RESET } from './frames.ts'
import type { LinkStream, StreamLink } from './link-stream.ts'
import { type BodySource, Receiver, Sender } from './sender.ts'

/** What else this end needs from its link. */
interface ServingStreamLink extends StreamLink {
  /** The peer cancelled an exchange or broke it: too many of them end the link. */
  cancelled(): LinkEnding | null
}

const HEAD = new Head()
const NOT_ONE_HEAD = refuse('malformed-request', 'a frame does not hold exactly one request head')
const TOO_LONG = refuse('malformed-request', 'more body came than the request’s head says')
const CUT_SHORT = refuse('malformed-request', 'the body of the request ended before its end')

/** The serving end of one exchange on a link. One object serves many exchanges, each in its turn. */
export class ServingStream<N> implements DownstreamStream, LinkStream, BodySource {
  readonly canGiveBack = true
  readonly exchange: Exchange<N>
  readonly #link: ServingStreamLink
  readonly #settings: WireSettings
  readonly #sender = new Sender(this)
  readonly #receiver = new Receiver()
  readonly #body: Body
  #id = 0
  /** It never holds more than the window. */
  readonly #upload: Upload<N>
  /** Bytes of DATA that were judged and not yet completely passed on. */
  #owed = 0
  #deadline = 0
  readonly #pace = new Pace()

  constructor(
    context: N,
    handler: RequestHandler<N>,
    settings: WireSettings,
    link: ServingStreamLink,
  ) {
    this.exchange = new Exchange(context, this, handler)
    this.#link = link
    this.#settings = settings
    this.#body = new Body(settings.requestNames, null)
    this.#upload = new Upload(this.exchange, this.#body, false)
  }

  get id(): number {
    return this.#id
  }

  get bufferedBytes(): number {
    return this.#sender.queuedBytes + this.#upload.heldBytes
  }

  /** Bytes that wait at the upstream. */
  get upstreamBytes(): number {
    return this.exchange.upstream?.bufferedBytes ?? 0
  }

  /** Gives up what is held: there is no memory for it. */
  shed(): void {
    if (this.exchange.open) return this.exchange.fail(NO_MEMORY)
    this.#settings.limitHit?.('bufferedBytes')
    this.abort()
  }

  /** A request's head, exactly one and complete. `ended`: nothing follows it. */
  begin(id: number, bytes: Buffer, start: number, end: number, ended: boolean): LinkEnding | null {
    const { requestNames, limits } = this.#settings
    const x = this.exchange
    this.#id = id
    this.#upload.drop()
    this.#owed = 0
    this.#receiver.begin()
    this.#receiver.ended = ended
    this.#sender.begin(this.#link.batch, id)
    x.reset()
    const next = parseRequestHead(HEAD, bytes, start, end, requestNames, limits)
    if (next < 0) return this.#refuseUnread(requestRefusal(next, HEAD.atFault))
    if (next !== end) return this.#refuseUnread(NOT_ONE_HEAD)
    if (ended && HEAD.hasBody) return this.#refuseUnread(CUT_SHORT)
    this.#body.begin(HEAD, 'asItStands')
    this.#await()
    // Whether the connection is kept is decided by the link, not by the exchange.
    HEAD.keepAlive = true
    const refusal = x.begin(HEAD)
    if (refusal !== null) x.refuse(refusal)
    else if (!this.#body.done) x.wait()
    else {
      x.connect()
      x.upstream?.flush()
    }
    return null
  }

  // --- the request's way in ----------------------------------------------------------------------

  dataBegins(length: number): LinkEnding | null {
    if (this.#receiver.ended) return 'bad-order'
    return this.#receiver.take(length) ? null : 'bad-credit'
  }

  data(bytes: Buffer, start: number, end: number): LinkEnding | null {
    const x = this.exchange
    if (!x.open) return null
    const next = this.#body.done ? start : this.#upload.judge(bytes, start, end)
    if (next !== end) return this.#fail(next === -1 ? requestRefusal(FLAW.chunk) : TOO_LONG)
    this.#upload.handOn(bytes)
    this.#owed += end - start
    this.#await()
    this.#handedOn()
    return null
  }

  ended(): LinkEnding | null {
    if (this.#receiver.ended) return 'bad-order'
    this.#receiver.ended = true
    if (!this.exchange.open) return null
    if (!this.#body.done) return this.#fail(CUT_SHORT)
    this.#connect()
    return null
  }

  granted(bytes: number): boolean {
    return this.#sender.granted(bytes)
  }

  get settled(): boolean {
    return this.#receiver.ended && this.#upload.heldBytes === 0
  }

  settle(): void {
    this.#connect()
    this.exchange.upstream?.flush()
    this.#grant()
  }

  reset(): void {
    this.#sender.stop()
    this.exchange.abandon()
  }

  lost(): void {
    this.reset()
  }

  /** The upstream takes bytes again, or is there at last. */
  resume(): void {
    this.#upload.forward()
    this.#handedOn()
    this.exchange.upstream?.flush()
    this.#grant()
  }

  tick(now: number): void {
    const { callerReadIdleMs } = this.#settings.limits
    if (this.#sender.stalls(now, callerReadIdleMs)) return this.#giveUp()
    if (!this.exchange.open || this.exchange.requestDone) return
    // A sender that we have stopped ourselves does not stall.
    const stopped = this.#upload.heldBytes > 0 || this.#stopped
    if (stopped) this.#pace.rest()
    const flaw = stopped ? null : this.#pace.flaw(now, this.exchange, this.#settings.limits)
    if (flaw !== null) return this.exchange.fail(flaw)
    if (now < this.#deadline) return
    if (stopped) return this.#await()
    const because = 'the request did not continue within limits.bodyIdleMs'
    this.exchange.fail(refuse('timeout', because, { limit: 'bodyIdleMs' }))
  }

  // --- the response's way back -------------------------------------------------------------------

  get blocked(): boolean {
    return this.#sender.blocked
  }

  head(out: HeadWriter): void {
    const flags = this.exchange.answered ? 0 : FLAG.info
    this.#link.batch.head(FRAME.head, flags, this.#id, out.bytes, out.length)
  }

  span(bytes: Buffer, start: number, end: number): void {
    this.exchange.bytesOut += end - start
    this.#sender.put(bytes, start, end)
  }

  flush(): void {
    this.#link.flush(this.#id)
  }

  reply(bytes: Buffer): void {
    const body = bytes.indexOf('\r\n\r\n') + 4
    this.#link.batch.head(FRAME.head, 0, this.#id, bytes, body)
    if (body < bytes.length) this.#sender.put(bytes, body, bytes.length)
  }

  finish(): void {
    this.#upload.drop()
    this.#sender.finish()
  }

  abort(): void {
    this.#reset(RESET.failed)
  }

  giveBack(): void {
    this.#upload.drop()
    this.#reset(RESET.undelivered)
  }

  drained(): void {
    this.exchange.upstream?.resume()
  }

  /** The answer was sent completely: the rest of the request is late. */
  sent(): void {
    this.#link.drop(this.#id)
  }

  // --- within ------------------------------------------------------------------------------------

  #reset(why: number): void {
    this.#sender.stop()
    this.#link.batch.reset(this.#id, why)
    this.#link.drop(this.#id)
  }

  /** The upstream is not connected yet, or accepts nothing. */
  get #stopped(): boolean {
    const { upstream } = this.exchange
    return upstream === null || upstream.blocked
  }

  #giveUp(): void {
    if (this.exchange.open) this.exchange.fail(UNREAD)
    else {
      this.#settings.limitHit?.('callerReadIdleMs')
      this.abort()
    }
  }

  /** Everything that came with the head has been judged: the upstream gets it. */
  #connect(): void {
    if (!this.exchange.waits) return
    this.exchange.connect()
    this.#upload.forward()
    this.#handedOn()
    this.exchange.upstream?.flush()
  }

  #handedOn(): void {
    if (this.#upload.heldBytes > 0 || this.#stopped) return
    this.#receiver.handedOn(this.#owed)
    this.#owed = 0
  }

  #grant(): void {
    if (!this.exchange.open || this.#upload.heldBytes > 0 || this.#stopped) return
    const due = this.#receiver.due()
    if (due > 0) this.#link.batch.credit(this.#id, due)
  }

  /** Another sidecar never sends what it has not checked, so this counts against the peer. */
  #fail(refusal: Refusal): LinkEnding | null {
    this.exchange.fail(refusal)
    return this.#link.cancelled()
  }

  /** A head that cannot be read. */
  #refuseUnread(refusal: Refusal): LinkEnding | null {
    this.exchange.method = -1
    this.exchange.refuse(refusal)
    return this.#link.cancelled()
  }

  #await(): void {
    this.#deadline = this.#settings.clock.now + this.#settings.limits.bodyIdleMs
  }
}
