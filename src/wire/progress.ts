import type { WriteBuffer } from './write-buffer.ts'

/** Watches whether the other side of a socket takes what is written to it. */
export class Progress {
  readonly #writeBuffer: WriteBuffer
  #taken = 0
  /** When it was last seen to have nothing left, or to go on. */
  #since: number

  constructor(writeBuffer: WriteBuffer, now: number) {
    this.#writeBuffer = writeBuffer
    this.#since = now
  }

  /**
   * Looks now; to be called at every tick.
   * @param mostMs 0: never
   * @returns bytes wait, and none of them have been taken for `mostMs`
   */
  stalls(now: number, mostMs: number): boolean {
    const { taken, waiting } = this.#writeBuffer
    if (waiting === 0 || taken !== this.#taken) {
      this.#taken = taken
      this.#since = now
    }
    return mostMs !== 0 && now - this.#since >= mostMs
  }
}
