import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Exchange } from './exchange.ts'
import type { WireLimits } from './face.ts'

const TOO_SLOW: Refusal = refuse(
  'timeout',
  'the body of the request came slower than limits.bodyBytesPerSecond, on average over limits.bodyRateWindowMs',
  { limit: 'bodyBytesPerSecond' },
)

/**
 * Watches that the body of a request does not drip: that each window of time brings as many bytes as the
 * least rate asks for. Only the clock looks; a byte that comes costs nothing.
 */
export class Pace {
  /** What had come when the window began, 0: it has not begun. */
  #bytes = 0
  #since = 0
  /** Which exchange it was, by its beginning. */
  #exchange = 0

  /** No body is waited for, or it is us who do not read it. */
  rest(): void {
    this.#bytes = 0
  }

  /** Called by the coarse clock while the body of this exchange comes. */
  flaw(now: number, { beganAt, bytesIn }: Exchange<unknown>, limits: WireLimits): Refusal | null {
    const { bodyBytesPerSecond, bodyRateWindowMs } = limits
    if (bodyBytesPerSecond === 0) return null
    if (this.#bytes === 0 || this.#exchange !== beganAt) {
      // A caller that waits for a 100, or for us, has not begun: that is limits.bodyIdleMs' business.
      this.#exchange = beganAt
      this.#bytes = bytesIn
      this.#since = now
      return null
    }
    if (now - this.#since < bodyRateWindowMs) return null
    const came = bytesIn - this.#bytes
    this.#bytes = bytesIn
    this.#since = now
    return came < (bodyBytesPerSecond * bodyRateWindowMs) / 1000 ? TOO_SLOW : null
  }
}

/**
 * Is it for the upstream to answer, or to go on with its answer? Not while the caller still sends what is
 * answered (`bodyIdleMs`), nor while it takes nothing of the answer (`callerReadIdleMs`).
 * @param blocked the upstream takes no more of the request
 */
export function owesAnswer(x: Exchange<unknown>, blocked: boolean): boolean {
  return !x.downstream.blocked && (x.requestSent || blocked)
}
