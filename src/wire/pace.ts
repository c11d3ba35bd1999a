import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Exchange } from './exchange.ts'
import type { WireLimits } from './face.ts'

const TOO_SLOW: Refusal = refuse(
  'timeout',
  'the body of the request came slower than limits.bodyBytesPerSecond, on average over limits.bodyRateWindowMs',
  { limit: 'bodyBytesPerSecond' },
)

/**
 * Checks that the body of a request is not sent too slowly: each time window must bring as many
 * bytes as the minimum rate requires. Only the clock checks; reading bytes costs nothing extra.
 */
export class Pace {
  /** Bytes received when the window began; 0: it has not begun. */
  #bytes = 0
  #since = 0
  /** Identifies the exchange by its start time. */
  #exchange = 0

  /** No body is expected, or the sidecar itself has stopped reading. */
  rest(): void {
    this.#bytes = 0
  }

  /** Called by the coarse clock while the body of this exchange comes. */
  flaw(now: number, { beganAt, bytesIn }: Exchange<unknown>, limits: WireLimits): Refusal | null {
    const { bodyBytesPerSecond, bodyRateWindowMs } = limits
    if (bodyBytesPerSecond === 0) return null
    if (this.#bytes === 0 || this.#exchange !== beganAt) {
      // A caller that waits for a 100, or for us, has not begun: limits.bodyIdleMs covers that.
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
 * Is it the upstream's turn, to answer or to continue its answer? Not while the caller is still
 * sending the request (`bodyIdleMs`), nor while it reads nothing of the answer
 * (`callerReadIdleMs`).
 * @param blocked the upstream has stopped reading the request
 */
export function owesAnswer(x: Exchange<unknown>, blocked: boolean): boolean {
  return !x.downstream.blocked && (x.requestSent || blocked)
}
