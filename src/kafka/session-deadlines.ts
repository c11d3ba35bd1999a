import { type Refusal, refuse } from '../refusal/refusal.ts'

/** The part of `limits.kafka` that says how long a connection may wait. */
export interface SessionTimes {
  readonly frameMs: number
  /** 0: never. */
  readonly idleMs: number
}

/** A client that was told the end is waited for no longer than this. */
const FAREWELL_MS = 2000

/** How long a connection of a client may wait: for the rest of a frame, for anything, and after its end. */
export class SessionDeadlines {
  readonly #times: SessionTimes
  /** Milliseconds, monotonic. */
  readonly #clock: { readonly now: number }
  #activeAt: number
  #farewellAt = Number.POSITIVE_INFINITY

  constructor(times: SessionTimes, clock: { readonly now: number }) {
    this.#times = times
    this.#clock = clock
    this.#activeAt = clock.now
  }

  /** Something has come. */
  active(): void {
    this.#activeAt = this.#clock.now
  }

  /** The client has been told the end. */
  ended(): void {
    this.#farewellAt = this.#clock.now + FAREWELL_MS
  }

  /** Has the client had its time to read the end? */
  isOver(now: number): boolean {
    return now >= this.#farewellAt
  }

  /** Why the connection must end now. @param heldSince when the oldest incomplete or unsent frame began */
  refusal(now: number, heldSince: number): Refusal | null {
    const { frameMs, idleMs } = this.#times
    if (heldSince + frameMs <= now) {
      const because = `a frame was not whole, or not taken, for ${frameMs} ms (limits.kafka.frameMs)`
      return refuse('timeout', because, { limit: 'kafka.frameMs' })
    }
    if (idleMs === 0 || this.#activeAt + idleMs > now) return null
    const because = `nothing passed in this connection for ${idleMs} ms (limits.kafka.idleMs)`
    return refuse('timeout', because, { limit: 'kafka.idleMs' })
  }
}
