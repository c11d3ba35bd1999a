import type { ChainPosition } from './entry.ts'

/**
 * Lines that have their place and wait for the kernel; lines added during a write are the next
 * write.
 */
export class LineQueue {
  #lines: string[] = []
  #bytes = 0
  #end: ChainPosition
  /** What is being written, how far it is, and the place of its last entry. */
  #batch: Buffer | undefined
  #done = 0
  #batchEnd: ChainPosition

  /** @param end the place of the last entry that was written before */
  constructor(end: ChainPosition) {
    this.#end = end
    this.#batchEnd = end
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes + (this.#batch === undefined ? 0 : this.#batch.length - this.#done)
  }

  get isEmpty(): boolean {
    return this.#batch === undefined && this.#lines.length === 0
  }

  /** Is the next byte the first of a line? */
  get isBetweenLines(): boolean {
    return this.#batch === undefined
  }

  /** The place of the last entry that has one. */
  get end(): ChainPosition {
    return this.#end
  }

  /** @param end its place; a line feed alone has that of the entry before */
  push(line: string, end = this.#end): void {
    this.#lines.push(line)
    this.#bytes += line.length
    this.#end = end
  }

  /** What is to be written next. */
  next(): Buffer {
    if (this.#batch === undefined) {
      this.#batch = Buffer.from(this.#lines.join(''), 'latin1')
      this.#done = 0
      this.#batchEnd = this.#end
      this.#lines = []
      this.#bytes = 0
    }
    return this.#batch.subarray(this.#done)
  }

  /**
   * This many bytes were written. @returns the place of the last entry, once everything was written
   */
  took(bytes: number): ChainPosition | undefined {
    this.#done += bytes
    if (this.#batch === undefined || this.#done < this.#batch.length) return undefined
    this.#batch = undefined
    return this.#batchEnd
  }
}
