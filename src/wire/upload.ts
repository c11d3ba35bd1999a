import { freeMemory, isLargeAndWhole } from '../memory.ts'
import type { Exchange } from './exchange.ts'
import type { Body } from './h1/body.ts'
import { WaitingSpans } from './waiting-bytes.ts'

/**
 * How much of the waiting bytes is written before checking again whether the upstream accepts more.
 */
const MOST_SPAN_BYTES = 16_384

/**
 * The body of a request on its way to the upstream: judged as it arrives, held as long as the
 * upstream is not connected or accepts nothing.
 */
export class Upload<N> {
  readonly #x: Exchange<N>
  readonly #body: Body
  /** May what one read brought be kept? */
  readonly #keeps: boolean
  /** Does everything from one read belong to this body? */
  #isAll = false
  #isKept = false
  /** Judged bytes. */
  readonly #held = new WaitingSpans()
  readonly #turnEnds = () => {
    if (!this.#x.waits) return
    this.#x.connect()
    this.#x.downstream.resume()
  }

  /** @param keeps the bytes belong only to this body: they may be kept, or their memory released */
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
   * Judges what arrived; `handOn` must follow.
   * @returns the position after the last byte of this body, or -1 if it is broken
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

  /** Forwards what was judged last, as far as the upstream is connected and accepts it. */
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

  /** Forwards what is waiting, as far as the upstream accepts it. */
  forward(): void {
    const held = this.#held
    while (held.length > 0 && this.#x.upstream?.blocked === false) {
      const bytes = held.shift(MOST_SPAN_BYTES)
      this.#x.upstream.span(bytes, 0, bytes.length)
    }
    if (held.length === 0 && this.#x.upstream !== null) this.#x.sent()
  }

  /**
   * The upstream gets the head at the end of this turn, because TLS reports one read record by
   * record.
   */
  connectLater(): void {
    if (this.#x.wait()) setImmediate(this.#turnEnds)
  }

  /** What waits is not wanted any more. */
  drop(): void {
    this.#held.clear()
  }
}
