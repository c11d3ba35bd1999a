/** So many samples are averaged, the newest ones counting most. */
const MEMORY = 256
/** An average means something after so many, and after so long: the first to be answered are the quick ones. */
const KNOWN_AFTER = 64
const KNOWN_AFTER_MS = 1000
const KNOWN_AFTER_LATENCIES = 4
/** What is answered within this is not slow, and a pause of our own would look like slowness. */
const FLOOR_MS = 5

/**
 * How long calls by one route take when the module is not overloaded: the least that their average has
 * been in this period and in the one before. The average is that of logarithms, because latencies differ
 * by factors. The least average, and not the least sample: a few answers from a cache are not usual.
 */
export class UsualLatency {
  #average = 0
  #samples = 0
  #least = Number.POSITIVE_INFINITY
  #leastBefore = Number.POSITIVE_INFINITY

  #firstAt = 0

  /** Takes one sample in. @returns how many times the usual latency it is; NaN: that is not known yet */
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

  /** A new period begins: what was usual two periods ago is forgotten. */
  nextPeriod(): void {
    this.#leastBefore = this.#least
    this.#least = Number.POSITIVE_INFINITY
  }
}
