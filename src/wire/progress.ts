/** What waits for the other side to take it. */
export interface WaitingWrites {
  /** Rises with all that the other side takes. */
  readonly taken: number
  /** Bytes wait: how many, or whether any do. */
  readonly waiting: number | boolean
}

/** Watches whether the other side takes what is written to it. */
export class Progress {
  readonly #writes: WaitingWrites
  #taken = 0
  /** When it was last seen to have nothing left, or to go on; -1: it was not looked at yet. */
  #since = -1

  constructor(writes: WaitingWrites) {
    this.#writes = writes
  }

  /** Begins anew. */
  begin(): void {
    this.#since = -1
  }

  /**
   * Looks now; to be called at every tick.
   * @param mostMs 0: never
   * @returns bytes wait, and none of them have been taken for `mostMs`
   */
  stalls(now: number, mostMs: number): boolean {
    const { taken, waiting } = this.#writes
    if (this.#since === -1 || !waiting || taken !== this.#taken) {
      this.#taken = taken
      this.#since = now
    }
    return mostMs !== 0 && now - this.#since >= mostMs
  }
}
