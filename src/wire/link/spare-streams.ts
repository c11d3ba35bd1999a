/** The maximum number that are kept for reuse. */
const MOST_SPARE = 256
/**
 * How long an unused stream is kept: callers that all wait for a slow upstream need none meanwhile.
 */
const KEPT_MS = 10_000

/**
 * Streams whose exchange is over, kept for reuse. New ones would be most of what a request
 * allocates and, with many callers, most of what a young collection copies. Those not needed for
 * ten seconds are dropped.
 */
export class SpareStreams<S> {
  readonly #free: S[] = []
  /** The fewest that were free since then. */
  #unused = 0
  #since = 0

  /** The one that was used last; undefined: make a new one. */
  take(): S | undefined {
    const stream = this.#free.pop()
    if (this.#free.length < this.#unused) this.#unused = this.#free.length
    return stream
  }

  /** Its exchange is over. */
  give(stream: S): void {
    if (this.#free.length < MOST_SPARE) this.#free.push(stream)
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    if (now - this.#since < KEPT_MS) return
    this.#since = now
    if (this.#unused > 0) this.#free.splice(0, this.#unused)
    this.#unused = this.#free.length
  }
}
