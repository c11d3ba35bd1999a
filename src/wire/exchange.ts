import { performance } from 'node:perf_hooks'
import type { Refusal } from '../refusal/refusal.ts'
import type { DownstreamStream, HandlerOf, Outcome, UpstreamOf, UpstreamStream } from './face.ts'
import { interimGoesOn } from './flaws.ts'
import type { Carry } from './h1/body.ts'
import { FRAMING, type Head } from './head.ts'
import { HeadWriter } from './head-writer.ts'
import { ID } from './names.ts'
import { Onward } from './onward.ts'

const OUT = new HeadWriter()
/** A caller that has sent this much has paid for the connection that an early answer costs. */
const PAID_BYTES = 16_384

/** `N`: the context that the layers above keep for an exchange. */
export type RequestHandler<N> = HandlerOf<Exchange<N>>
export type Upstream<N> = UpstreamOf<Exchange<N>>

/** A request and its response, between two streams. One object serves a connection's exchanges. */
export class Exchange<N> {
  readonly context: N
  readonly downstream: DownstreamStream
  readonly #handler: RequestHandler<N>
  readonly #onward = new Onward<Exchange<N>>()

  /** Between `begin` and `end`. */
  open = false
  /** Blocked until a connection is there; null after the response is whole. */
  upstream: UpstreamStream | null = null
  /** The final head of the response has gone to the caller. */
  answered = false
  /** The request's body has been read to its end, so the position of the next request is known. */
  requestDone = true
  /** The upstream has got all of it. */
  requestSent = true
  /** Will the caller's connection serve another exchange? */
  keepAlive = true
  method = 0
  /** Bytes of the request's body as its head says; -1: it is chunked, so unknown. */
  requestLength = 0
  /** 10 or 11: what the caller speaks. */
  version = 11
  /** The caller may wait for a 100 before it sends the body. */
  expects = false
  /** Status that was sent to the caller; 0 before. */
  status = 0
  refused: Refusal | null = null
  outcome: Outcome = 'answered'
  /** It cost its upstream a connection, and that was not the upstream's fault. */
  brokenOff = false
  /** Its upstream accepts it regardless of how many exchanges are open there. */
  exempt = false
  /** If not 0: exchanges with the same number go to the same one of the upstream's addresses. */
  affinity = 0
  /** The response's framing fields are not forwarded: its body is framed again, or has none. */
  reframed = false
  /** Body bytes as they crossed, framing included. */
  bytesIn = 0
  bytesOut = 0
  /** `performance.now()` at these moments; 0 if they were not reached. */
  beganAt = 0
  judgedAt = 0
  connectedAt = 0
  answeredAt = 0
  /** The identity that the upstream proved, or its address where it proves none. */
  upstreamPeer = ''

  constructor(context: N, downstream: DownstreamStream, handler: RequestHandler<N>) {
    this.context = context
    this.downstream = downstream
    this.#handler = handler
  }

  /** Forgets the exchange before. */
  reset(): void {
    this.open = true
    this.upstream = null
    this.#onward.drop()
    this.answered = false
    this.requestDone = true
    this.requestSent = true
    this.keepAlive = true
    this.method = 0
    this.version = 11
    this.expects = false
    this.status = 0
    this.refused = null
    this.outcome = 'answered'
    this.brokenOff = false
    this.exempt = false
    this.affinity = 0
    this.bytesIn = 0
    this.bytesOut = 0
    this.beganAt = performance.now()
    this.judgedAt = 0
    this.connectedAt = 0
    this.answeredAt = 0
    this.upstreamPeer = ''
  }

  /** Lets the handler judge the request. Null: it is allowed, and `connect` follows. */
  begin(head: Head): Refusal | null {
    this.method = head.method
    this.version = head.version
    this.expects = head.awaitsContinue
    this.keepAlive = head.keepAlive
    this.requestDone = !head.hasBody
    this.requestSent = this.requestDone
    this.requestLength = head.framing === FRAMING.chunked ? -1 : head.contentLength
    OUT.begin()
    const verdict = this.#handler.begin(this, head, OUT)
    this.judgedAt = performance.now()
    if ('reason' in verdict) return verdict
    OUT.text('\r\n')
    this.#onward.begin(verdict)
    return null
  }

  /** It was allowed, and nothing of it has been sent to the upstream yet. */
  get waits(): boolean {
    return this.#onward.waits
  }

  /** `connect` is called later. @returns false: it waits already */
  wait(): boolean {
    return this.#onward.keep(OUT)
  }

  /** The upstream gets the request's head. */
  connect(): void {
    this.#onward.open(this, OUT)
  }

  /** The request is whole, and the upstream has got its last byte. */
  sent(): void {
    if (!this.requestDone || this.requestSent) return
    this.requestSent = true
    this.upstream?.finish()
  }

  /** A connection is there and has the head. */
  connected(upstream: UpstreamStream, peer: string): void {
    this.upstream = upstream
    this.upstreamPeer = peer
    // If a connection was available, this is the moment of the decision.
    this.connectedAt = this.#onward.opening ? this.judgedAt : performance.now()
  }

  /**
   * The upstream's head, 1xx ones included.
   * @returns false when its answer is no longer wanted
   */
  respond(head: Head): boolean {
    const interim = head.status < 200
    if (interim && !interimGoesOn(head.status, this.expects)) return true
    const carry = this.carry(head)
    this.reframed =
      carry !== 'asItStands' ||
      head.status === 204 ||
      (head.status === 304 && head.has(ID.transferEncoding)) ||
      interim ||
      (this.version === 10 && head.has(ID.transferEncoding))
    if (!interim && !this.requestDone) this.keepAlive = false
    OUT.begin()
    OUT.status(head)
    const verdict = this.#handler.answer(this, head, OUT)
    if (verdict !== null) {
      if (verdict === 'hang-up') this.hangUp()
      else this.fail(verdict)
      return false
    }
    if (!interim) this.#final(head, carry)
    OUT.text('\r\n')
    this.downstream.head(OUT)
    if (interim) this.downstream.flush()
    return true
  }

  #final(head: Head, carry: Carry): void {
    this.answered = true
    this.answeredAt = performance.now()
    this.status = head.status
    if (carry === 'chunked') OUT.text('Transfer-Encoding: chunked\r\n')
    if (this.version === 10 && head.framing !== FRAMING.none && head.framing !== FRAMING.length) {
      this.keepAlive = false
    }
    if (!this.keepAlive) OUT.text('Connection: close\r\n')
    else if (this.version === 10) OUT.text('Connection: keep-alive\r\n')
  }

  /** How the body of an answer with this head is framed towards the caller. */
  carry(head: Head): Carry {
    if (this.version === 10 && head.framing === FRAMING.chunked) return 'bare'
    return this.version === 11 && head.framing === FRAMING.untilClose ? 'chunked' : 'asItStands'
  }

  /** The response is whole. */
  done(): void {
    if (!this.open) return
    // What follows is the rest of its body, and never a request.
    if (!this.requestDone) this.keepAlive = false
    // An early answer; the rest of the request is not wanted. It counts against the caller only if
    // the caller held the body back.
    if (this.requestSent) this.upstream = null
    else this.#dropUpstream(!this.requestDone && this.bytesIn < PAID_BYTES)
    this.#end()
    this.downstream.finish()
  }

  /** A head that cannot be parsed: nothing after it can be parsed either. */
  refuseUnread(refusal: Refusal): void {
    this.reset()
    this.method = -1
    this.keepAlive = false
    this.refuse(refusal)
  }

  /** This is the last exchange of the connection; its answer says so, if it has not begun. */
  endsConnection(): void {
    if (this.open && !this.answered) this.keepAlive = false
  }

  /** Sends a refusal instead of an answer. */
  refuse(refusal: Refusal): void {
    this.refused = refusal
    this.outcome = 'refused'
    this.status = refusal.status
    // Used only for an exchange that has not reached an upstream: another sidecar may handle it.
    if (refusal.reason === 'draining' && this.downstream.canGiveBack) {
      this.#end()
      return this.downstream.giveBack()
    }
    const bytes = this.#handler.refusal(this, refusal, !this.keepAlive)
    if (bytes === null) this.hangUp()
    else this.#say(bytes)
  }

  /** The exchange cannot continue: a refusal, or if an answer has begun, a visible cut. */
  fail(refusal: Refusal): void {
    if (!this.open) return
    this.#dropUpstream(refusal.status < 500)
    if (!this.requestDone) this.keepAlive = false
    if (!this.answered) return this.refuse(refusal)
    this.refused = refusal
    this.outcome = refusal.reason === 'timeout' ? 'caller-gone' : 'upstream-gone'
    this.#end()
    this.downstream.abort()
  }

  /** An answer of the sidecar itself. The rest of the body must not be parsed as a request. */
  reply(status: number, compose: (close: boolean) => Buffer): void {
    if (!this.open) return
    this.#dropUpstream(false)
    if (!this.requestDone) this.keepAlive = false
    this.status = status
    this.#say(compose(!this.keepAlive))
  }

  /** Closes the caller's connection without an answer. */
  hangUp(): void {
    this.#dropUpstream(false)
    this.keepAlive = false
    this.status = 0
    this.outcome = 'upstream-gone'
    this.#end()
    this.downstream.abort()
  }

  /** The caller disconnected, or its bytes can no longer be read: `why` is only for the record. */
  abandon(why: Refusal | null = null): void {
    if (!this.open) return
    this.#dropUpstream(true)
    this.refused = why
    this.outcome = 'caller-gone'
    this.#end()
  }

  #say(bytes: Buffer): void {
    this.answered = true
    this.answeredAt = performance.now()
    this.downstream.reply(bytes)
    this.#end()
    this.downstream.finish()
  }

  /** @param byCaller the upstream has done nothing to deserve it */
  #dropUpstream(byCaller: boolean): void {
    const { upstream } = this
    this.upstream = null
    if (upstream === null) return
    if (byCaller && this.connectedAt > 0) this.brokenOff = true
    upstream.cancel()
  }

  #end(): void {
    this.open = false
    this.#onward.drop()
    this.#handler.end(this)
  }
}
