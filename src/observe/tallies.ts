/** Where counts stand: this thread writes the first of what it takes, and reads the sum of all. */
export interface Tallies {
  /** This many cells for each thread: ours first. */
  take(length: number): readonly Float64Array[]
}

/** One thread counts for itself. */
export const OWN: Tallies = { take: (length) => [new Float64Array(length)] }

/** More than all metrics have together. */
const CELLS = 4096

/** Memory for everything that one thread counts. */
export function sharedCells(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * Float64Array.BYTES_PER_ELEMENT)
}

/**
 * Counts in memory that threads share: each writes its own, and the thread that has all buffers reads sums,
 * without a message and without a lock. All threads must take the same lengths in the same order.
 */
export class SharedTallies implements Tallies {
  readonly #buffers: readonly SharedArrayBuffer[]
  #taken = 0

  constructor(buffers: readonly SharedArrayBuffer[]) {
    this.#buffers = buffers
  }

  take(length: number): readonly Float64Array[] {
    const at = this.#taken
    this.#taken += length
    if (this.#taken > CELLS) throw new Error(`${this.#taken} cells do not fit into ${CELLS}`)
    const offset = at * Float64Array.BYTES_PER_ELEMENT
    return this.#buffers.map((buffer) => new Float64Array(buffer, offset, length))
  }
}

/** The sum of this cell over all threads. */
export function sum(all: readonly Float64Array[], at: number): number {
  let total = 0
  for (const cells of all) total += cells[at]!
  return total
}
