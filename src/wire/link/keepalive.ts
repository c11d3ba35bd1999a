import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { WireLimits } from '../face.ts'
import type { Batch } from './batch.ts'

/**
 * When nothing has arrived for this long a PING is sent; sooner if exchanges wait for an answer.
 */
const QUIET_MS = 15_000
const WAITING_QUIET_MS = 2000
/**
 * After this long its answer is late and the peer may be gone; after the second time it counts as
 * gone.
 */
const LATE_MS = 2000
const GONE_MS = 15_000
/** When nothing was written for this long, memory that a large body needed is released. */
const SHRINK_MS = 5000

/** A tick is this late only if the whole process was suspended. */
const FROZEN_MS = 2000

/** Checks the timeouts of one link: is the peer there, does it make progress, does it read? */
export class Keepalive {
  readonly #limits: WireLimits
  readonly #batch: Batch
  #heardAt = 0
  #pingedAt = 0
  #isLate = false
  #tickedAt = 0
  #within = false
  /** Frames that have begun, and when the last of them began. */
  #frames = 0
  #frameSince = 0
  #writes = 0
  #wroteAt = 0
  #stuckSince = 0

  constructor(batch: Batch, limits: WireLimits, now: number) {
    this.#batch = batch
    this.#limits = limits
    this.#heardAt = now
    this.#frameSince = now
    this.#wroteAt = now
    this.#tickedAt = now
  }

  /**
   * Something has arrived.
   * @param frames how many frames have begun so far
   * @param within the last of them is incomplete
   * @param headBegun a head is incomplete, in however many frames
   */
  heard(now: number, frames: number, within: boolean, headBegun: boolean): void {
    this.#heardAt = now
    this.#pingedAt = 0
    this.#isLate = false
    const goesOn = headBegun || (within && frames === this.#frames)
    if (!goesOn || !this.#within) this.#frameSince = now
    this.#within = within || headBegun
    this.#frames = frames
  }

  /** A PING was not answered in time, and nothing else has arrived either. */
  get isLate(): boolean {
    return this.#isLate
  }

  /**
   * Called by the coarse clock.
   * @param waits there are unanswered exchanges
   * @returns why the link is over, that a PING is due, or once, that its answer is late
   */
  tick(now: number, waits: boolean): LinkEnding | 'ping' | 'late' | null {
    const frozen = now - this.#tickedAt > FROZEN_MS
    this.#tickedAt = now
    if (frozen) return this.#thaw(now)
    if (this.#within && now - this.#frameSince > this.#limits.headMs) return 'slow-frame'
    if (this.#isStuck(now)) return 'not-reading'
    if (this.#pingedAt !== 0) return this.#unanswered(now - this.#pingedAt)
    if (now - this.#heardAt <= (waits ? WAITING_QUIET_MS : QUIET_MS)) return null
    this.#pingedAt = now
    return 'ping'
  }

  #unanswered(sinceMs: number): 'silent' | 'late' | null {
    if (sinceMs > GONE_MS) return 'silent'
    if (this.#isLate || sinceMs <= LATE_MS) return null
    this.#isLate = true
    return 'late'
  }

  /** This process was suspended: what has arrived meanwhile has not been read yet. */
  #thaw(now: number): null {
    this.#heardAt = now
    this.#frameSince = now
    this.#stuckSince = 0
    this.#pingedAt = 0
    return null
  }

  #isStuck(now: number): boolean {
    const batch = this.#batch
    const progress = batch.writes !== this.#writes
    this.#writes = batch.writes
    if (batch.busy && !progress) {
      if (this.#stuckSince === 0) this.#stuckSince = now
      return now - this.#stuckSince > this.#limits.bodyIdleMs
    }
    this.#stuckSince = 0
    if (progress) this.#wroteAt = now
    else if (now - this.#wroteAt > SHRINK_MS) batch.shrink()
    return false
  }
}
