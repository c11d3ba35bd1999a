import { freeMemory, isLargeAndWhole } from '../memory.ts'
import type { Exchange } from './exchange.ts'
import type { Body } from './h1/body.ts'
import { WaitingSpans } from './waiting-bytes.ts'

/** Of what waited so much goes on before the upstream is asked again whether it takes more. */
const MOST_SPAN_BYTES = 16_384

/**
 * The body of a request on its way to the upstream: judged as it comes, held as long as the upstream is
 * not there or takes nothing.
 */
export class Upload<N> {
  readonly #x: Exchange<N>
  readonly #body: Body
  /** May what one read brought be kept? */
  readonly #keeps: boolean
  /** Is all that one read brought a part of this body? */
  #isAll = false
  #isKept = false
  /** Judged bytes. */
  readonly #held = new WaitingSpans()
  readonly #turnEnds = () => {
    if (!this.#x.waits) return
    this.#x.connect()
    this.#x.downstream.resume()
  }

  /** @param keeps what is handed on belongs to this body alone: it may be kept, or its memory given back */
  constructor(x: Exchange<N>, body: Body, keeps: boolean) {
    this.#x = x
    this.#body = body
    this.#keeps = keeps
  }

  /** Bytes that were judged and have not gone on. */
  get heldBytes(): number {
    return this.#held.length
  }

  /**
   * Judges what came; `handOn` is to follow.
   * @returns the position behind the last byte of this body, or -1 where it is broken
   */
  judge(bytes: Buffer, start: number, end: number): number {
    const x = this.#x
    const next = this.#body.judge(bytes, start, end)
    if (next === -1) return -1
    this.#isAll = next - start === bytes.length
    x.bytesIn += next - start
    x.requestDone = this.#body.done
    return next
  }

  /** What was judged last goes on, as far as the upstream is there and takes it. */
  handOn(bytes: Buffer): void {
    const { upstream } = this.#x
    const waits = upstream === null || upstream.blocked || this.#held.length > 0
    this.#isKept = false
    this.#body.handOn(bytes, waits ? this : upstream)
    // What was copied is not needed any more.
    if (waits && this.#keeps && this.#isAll && !this.#isKept) freeMemory(bytes)
    this.forward()
  }

  /** A part of the body that waits. */
  span(bytes: Buffer, start: number, end: number): void {
    if (this.#keeps && end - start === bytes.length && isLargeAndWhole(bytes)) {
      this.#isKept = true
      this.#held.keep(bytes)
    } else this.#held.span(bytes, start, end)
  }

  /** What waits goes on, as far as the upstream takes it. */
  forward(): void {
    const held = this.#held
    while (held.length > 0 && this.#x.upstream?.blocked === false) {
      const bytes = held.shift(MOST_SPAN_BYTES)
      this.#x.upstream.span(bytes, 0, bytes.length)
    }
    if (held.length === 0 && this.#x.upstream !== null) this.#x.sent()
  }

  /** The upstream gets the head when this turn is over: of TLS one read is told record by record. */
  connectLater(): void {
    if (this.#x.wait()) setImmediate(this.#turnEnds)
  }

  /** What waits is not wanted any more. */
  drop(): void {
    this.#held.clear()
  }
}
