/** A token bucket: `most` at once, and `perSecond` in addition. */
export class Budget {
  readonly #most: number
  readonly #perMs: number
  readonly #mostOwed: number
  #left: number
  #at: number

  /** @param mostOwed the largest debt; charges beyond it are ignored */
  constructor(most: number, perSecond: number, now: number, mostOwed = Number.POSITIVE_INFINITY) {
    this.#most = most
    this.#mostOwed = mostOwed
    this.#perMs = perSecond / 1000
    this.#left = most
    this.#at = now
  }

  /** Useful work adds to the budget. */
  earn(more: number): void {
    this.#left = Math.min(this.#most, this.#left + more)
  }

  /** Spends one. False when nothing was left. */
  spend(now: number): boolean {
    if (!this.has(now)) return false
    this.#left--
    return true
  }

  /** Takes some, and may go below zero: work that has begun cannot be undone. */
  charge(now: number, some = 1): void {
    this.#grow(now)
    this.#left = Math.max(this.#left - some, -this.#mostOwed)
  }

  /** Is one left? */
  has(now: number): boolean {
    this.#grow(now)
    return this.#left >= 1
  }

  /** Is the budget full? */
  isWhole(now: number): boolean {
    this.#grow(now)
    return this.#left >= this.#most
  }

  #grow(now: number): void {
    if (now <= this.#at) return
    this.earn((now - this.#at) * this.#perMs)
    this.#at = now
  }
}
