import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { WireLimits } from '../face.ts'
import type { Batch } from './batch.ts'

/** When nothing has come for so long a PING is sent; as long again, and it is over. */
const QUIET_MS = 15_000
/** When nothing was written for so long, what a large body has needed is given back. */
const SHRINK_MS = 5000

/** No tick comes so late unless the whole process stood still. */
const FROZEN_MS = 2000

/** Watches over the time of one link: is the peer there, does it go on, does it take what we send? */
export class Keepalive {
  readonly #limits: WireLimits
  readonly #batch: Batch
  #heardAt: number
  #pingedAt = 0
  #tickedAt: number
  #within = false
  /** Frames that have begun, and since when the last of them lasts. */
  #frames = 0
  #frameSince: number
  #writes = 0
  #wroteAt: number
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
    const goesOn = headBegun || (within && frames === this.#frames)
    if (!goesOn || !this.#within) this.#frameSince = now
    this.#within = within || headBegun
    this.#frames = frames
  }

  /** Called by the coarse clock. @returns why the link is over, or that a PING is due */
  tick(now: number): LinkEnding | 'ping' | null {
    const frozen = now - this.#tickedAt > FROZEN_MS
    this.#tickedAt = now
    if (frozen) return this.#thaw(now)
    if (this.#within && now - this.#frameSince > this.#limits.headMs) return 'slow-frame'
    if (this.#isStuck(now)) return 'not-reading'
    if (this.#pingedAt !== 0) return now - this.#pingedAt > QUIET_MS ? 'silent' : null
    if (now - this.#heardAt <= QUIET_MS) return null
    this.#pingedAt = now
    return 'ping'
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
