/** How many samples are averaged, the newest ones counting most. */
const MEMORY = 256
/**
 * An average is used after this many samples and this much time, because the quick calls are
 * answered first.
 */
const KNOWN_AFTER = 64
const KNOWN_AFTER_MS = 1000
const KNOWN_AFTER_LATENCIES = 4
/** What is answered within this is not slow, and a pause of our own would look like slowness. */
const FLOOR_MS = 5

/**
 * How long calls by one route take when the module is not overloaded: the lowest average of this
 * period and the one before. Logarithms are averaged, because latencies differ by factors. The
 * lowest average, not the lowest sample: a few answers from a cache are not usual.
 */
export class UsualLatency {
  #average = 0
  #samples = 0
  #least = Number.POSITIVE_INFINITY
  #leastBefore = Number.POSITIVE_INFINITY

  #firstAt = 0

  /** Adds one sample. @returns how many times the usual latency it is; NaN: unknown yet */
  took(ms: number, now: number): number {
    const log = Math.log(Math.max(ms, FLOOR_MS))
    if (this.#samples++ === 0) this.#firstAt = now
    this.#average += (log - this.#average) / Math.min(this.#samples, MEMORY)
    if (!this.#isKnown(now)) return Number.NaN
    this.#least = Math.min(this.#least, this.#average)
    return Math.exp(log - Math.min(this.#least, this.#leastBefore))
  }

  #isKnown(now: number): boolean {
    if (this.#least !== Number.POSITIVE_INFINITY) return true
    const ms = now - this.#firstAt
    if (this.#samples < KNOWN_AFTER || ms < KNOWN_AFTER_MS) return false
    return ms >= KNOWN_AFTER_LATENCIES * Math.exp(this.#average)
  }

  /** A new period begins: the value of two periods ago is forgotten. */
  nextPeriod(): void {
    this.#leastBefore = this.#least
    this.#least = Number.POSITIVE_INFINITY
  }
}
