import type { Underlying } from '../../refusal/record-overhead.ts'
import { thisTurn } from '../../refusal/turn.ts'

/**
 * What the end of a caller's input means. TCP says only that nothing more will arrive: a caller
 * that is gone looks like one that ended its sending side and still reads (RFC 9293 section 3.6),
 * until something is sent to it. So the sidecar waits for it, but not for ever. Over TLS a peer
 * that ends only its side says so (close_notify, RFC 8446 section 6.1); if the TCP connection ends
 * without that, the caller is gone. Node reports both in the same way, but counts the bytes below
 * TLS.
 */
export class CallerEnd {
  /** The caller has sent its last byte. */
  ended = false
  readonly #below: Underlying | null
  #belowBytes = 0
  #turn = 0
  /** Since when nothing has been sent to it, and the counter that shows it. */
  #since = 0
  #sent = 0
  #exchange = 0

  /** `below`: null where there is no TLS, or it is unknown. */
  constructor(below: Underlying | null) {
    this.#below = below
  }

  /** Bytes came. */
  heard(): void {
    if (this.#below === null) return
    this.#belowBytes = this.#below.bytesRead
    this.#turn = thisTurn()
  }

  /** The caller's side has ended. @returns is it known to be gone? */
  end(now: number): boolean {
    this.ended = true
    this.#since = now
    // A close_notify in the same read as the last bytes was counted with them, and is reported at
    // once.
    return (
      this.#below !== null &&
      this.#below.bytesRead === this.#belowBytes &&
      thisTurn() !== this.#turn
    )
  }

  /**
   * Called by the coarse clock while an exchange is open.
   * @param beganAt of the exchange, and what has been sent of its answer
   * @returns true if nothing has been sent for `halfCloseMs`, so that it is unknown whether the
   * caller still reads
   */
  isOver(now: number, beganAt: number, bytesOut: number, halfCloseMs: number): boolean {
    if (!this.ended) return false
    if (beganAt !== this.#exchange || bytesOut !== this.#sent) {
      this.#exchange = beganAt
      this.#sent = bytesOut
      this.#since = now
    }
    return now - this.#since >= halfCloseMs
  }
}
