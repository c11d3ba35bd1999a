/** Clients repeat the same request: one line a minute is enough; metrics count all. */
const SAME_AGAIN_MS = 60_000
/** One request can name 100,000 topics: this many different refusals per minute are logged. */
const MOST_TOLD = 4096

/** Remembers logged refusals, so that a client that is refused all the time does not fill log and disk. */
export class RepeatedRefusals {
  readonly #told = new Map<string, number>()
  readonly #tooMany: (told: number) => void
  /** When it was last empty. */
  #since = Date.now()
  /** Number of refusals that were not logged individually. */
  #untold = 0

  /** @param tooMany is called once a minute when no more are logged individually */
  constructor(tooMany: (told: number) => void) {
    this.#tooMany = tooMany
  }

  /** Was it logged already, or are there too many? From now on it counts as logged. */
  has(...refused: readonly unknown[]): boolean {
    const now = Date.now()
    if (this.#told.size >= MOST_TOLD) {
      if (now - this.#since < SAME_AGAIN_MS) {
        if (this.#untold++ === 0) this.#tooMany(MOST_TOLD)
        return true
      }
      this.#told.clear()
      this.#since = now
      this.#untold = 0
    }
    const key = JSON.stringify(refused)
    const last = this.#told.get(key)
    if (last !== undefined && now - last < SAME_AGAIN_MS) return true
    this.#told.set(key, now)
    return false
  }
}
