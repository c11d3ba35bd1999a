/** So many wait to be used again at most. */
const MOST_SPARE = 256

/**
 * Streams whose exchange is over, to serve another one. Made anew each time they would be most of what a
 * request allocates, and with many callers most of what a collection of the young generation copies.
 * What was not needed between two ticks is given up.
 */
export class SpareStreams<S> {
  readonly #free: S[] = []
  /** The fewest that were free since the last tick. */
  #unused = 0

  /** The one that was used last; undefined: one is to be made. */
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
  tick(): void {
    if (this.#unused > 0) this.#free.splice(0, this.#unused)
    this.#unused = this.#free.length
  }
}
