import { type Refusal, refuse } from '../../refusal/refusal.ts'
import type { Batch } from './batch.ts'
import type { Sender } from './sender.ts'

const NOBODY_TOOK_IT = refuse(
  'module-unavailable',
  'the sidecar there is shutting down or gone, and no other took the call within limits.connectWaitMs',
  { limit: 'connectWaitMs' },
)

/** Memory for a head is kept for the next one up to here; few heads are longer. */
const KEPT_BYTES = 2048
const NO_MEMORY: Buffer = Buffer.alloc(0)

/**
 * The head of a request that was sent, as long as the peer may return it. A returned request was
 * not acted on, so this is the only case in which a request is sent twice, and only until the first
 * sign of the contrary: an answer, or credit.
 */
export class SecondTry {
  /** A copy of the head stands at its beginning; it is used again for the next one. */
  #memory = NO_MEMORY
  /** Bytes of the head; 0: it is not to be sent again. */
  heldBytes = 0
  /** Until when another peer may accept a returned request; 0: none was returned. */
  #giveUpAt = 0
  /** A peer that returned it is known to be stopping. */
  #stops = false
  readonly #body: Sender
  /** The batch that it was put into, and that batch's number. */
  #batch: Batch | null = null
  #number = 0

  /** `body`: what is sent after the head; a copy of it is kept as well. */
  constructor(body: Sender) {
    this.#body = body
  }

  /** Forgets the previous exchange; the body's sender has done so. */
  begin(): void {
    this.heldBytes = 0
    this.#giveUpAt = 0
    this.#stops = false
    this.#batch = null
    this.#body.keep()
  }

  /** Puts the head into the batch that is being filled; it may be the one that `take` returned. */
  keep(head: Buffer, length: number, batch: Batch): void {
    if (this.#memory.length < length) {
      this.#memory = Buffer.allocUnsafeSlow(Math.max(length, KEPT_BYTES))
    }
    head.copy(this.#memory, 0, 0, length)
    this.heldBytes = length
    this.#batch = batch
    this.#number = batch.filling
  }

  /** Has a byte of it left this process? As long as none has, no peer can have acted on it. */
  get hasLeft(): boolean {
    return this.#batch === null || this.#batch.filling !== this.#number
  }

  /** The peer has acted on it, or may have. */
  delivered(): void {
    this.drop()
    this.#body.release()
  }

  /** It will not be sent again. */
  drop(): void {
    this.heldBytes = 0
    if (this.#memory.length > KEPT_BYTES) this.#memory = NO_MEMORY
  }

  /**
   * Returns the head, and lets the whole body wait.
   * @param until set the first time only
   * @param stops the peer has said that it is stopping
   */
  take(until: number, stops: boolean): Buffer | null {
    if (this.heldBytes === 0) return null
    const head = this.#memory.subarray(0, this.heldBytes)
    this.#memory = NO_MEMORY
    this.heldBytes = 0
    this.#giveUpAt ||= until
    this.#stops ||= stops
    this.#body.rewind()
    return head
  }

  /** Why waiting ends; null: it still waits, or was never returned. */
  tooLate(now: number): Refusal | null {
    return this.#giveUpAt !== 0 && now >= this.#giveUpAt ? NOBODY_TOOK_IT : null
  }

  /** The refusal if no other peer was reached and one is known to be stopping. */
  unreached(refusal: Refusal): Refusal {
    if (!this.#stops || refusal.reason !== 'upstream-unreachable') return refusal
    const { because, limit } = refusal
    return refuse('module-unavailable', because, limit === undefined ? {} : { limit })
  }
}
