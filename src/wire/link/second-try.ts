import { type Refusal, refuse } from '../../refusal/refusal.ts'
import type { Sender } from './sender.ts'

const NOBODY_TOOK_IT = refuse(
  'module-unavailable',
  'the sidecar there is shutting down, and no other took the call within limits.connectWaitMs',
  { limit: 'connectWaitMs' },
)

/**
 * The head of a request that has left, as long as the peer may give it back. The promise is that nothing was
 * acted on, so this is the one case in which a request is sent twice, and only until the first sign of
 * the contrary: an answer, or credit.
 */
export class SecondTry {
  /** Null: it is not to be sent again. */
  head: Buffer | null = null
  /** Until when another peer may take what one has given back; 0: none has. */
  #giveUpAt = 0
  readonly #body: Sender

  /** `body`: what is sent behind the head; a copy of it is kept as well. */
  constructor(body: Sender) {
    this.#body = body
    body.keep()
  }

  /** The peer has acted on it, or may have. */
  delivered(): void {
    this.head = null
    this.#body.release()
  }

  /** Takes the head out, and has the body wait from its first byte on; `until`: of the first time. */
  take(until: number): Buffer | null {
    const { head } = this
    if (head === null) return null
    this.head = null
    this.#giveUpAt ||= until
    this.#body.rewind()
    return head
  }

  /** Why it is waited for no longer; null: it is, or was never given back. */
  tooLate(now: number): Refusal | null {
    return this.#giveUpAt !== 0 && now >= this.#giveUpAt ? NOBODY_TOOK_IT : null
  }

  /** What is said where no other peer was reached: of one that is known to be stopping. */
  unreached(refusal: Refusal): Refusal {
    if (this.#giveUpAt === 0 || refusal.reason !== 'upstream-unreachable') return refusal
    const { because, limit } = refusal
    return refuse('module-unavailable', because, limit === undefined ? {} : { limit })
  }
}
