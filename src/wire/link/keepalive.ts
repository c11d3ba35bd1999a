import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { WireLimits } from '../face.ts'
import type { Batch } from './batch.ts'

/** When nothing has come for so long a PING is sent; sooner where exchanges wait for an answer. */
const QUIET_MS = 15_000
const WAITING_QUIET_MS = 2000
/** Its answer is late after so long: the peer may be gone. After so long it is. */
const LATE_MS = 2000
const GONE_MS = 15_000
/** When nothing was written for so long, what a large body has needed is given back. */
const SHRINK_MS = 5000

/** No tick comes so late unless the whole process stood still. */
const FROZEN_MS = 2000

/** Watches over the time of one link: is the peer there, does it go on, does it take what we send? */
export class Keepalive {
  readonly #limits: WireLimits
  readonly #batch: Batch
  #heardAt = 0
  #pingedAt = 0
  #isLate = false
  #tickedAt = 0
  #within = false
  /** Frames that have begun, and since when the last of them lasts. */
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
   * Something has come.
   * @param frames how many frames have begun so far
   * @param within the last of them is not whole yet
   * @param headBegun a head is not whole yet, however many frames of it are
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

  /** A PING is not answered in time, and nothing else has come either. */
  get isLate(): boolean {
    return this.#isLate
  }

  /**
   * Called by the coarse clock.
   * @param waits answers are waited for
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

  /** It was us who stood still: what has come meanwhile has not been read yet. */
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
