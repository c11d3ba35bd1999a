/** So many at once, so many per second on top: what is below that is ordinary. */
export class Budget {
  readonly #most: number
  readonly #perMs: number
  readonly #mostOwed: number
  #left: number
  #at: number

  /** @param mostOwed what is charged beyond that is forgiven */
  constructor(most: number, perSecond: number, now: number, mostOwed = Number.POSITIVE_INFINITY) {
    this.#most = most
    this.#mostOwed = mostOwed
    this.#perMs = perSecond / 1000
    this.#left = most
    this.#at = now
  }

  /** Honest work pays for what comes with it. */
  earn(more: number): void {
    this.#left = Math.min(this.#most, this.#left + more)
  }

  /** Spends one. False when nothing was left. */
  spend(now: number): boolean {
    if (!this.has(now)) return false
    this.#left--
    return true
  }

  /** Takes some, which may make debts: what was begun before cannot be undone. */
  charge(now: number, some = 1): void {
    this.#grow(now)
    this.#left = Math.max(this.#left - some, -this.#mostOwed)
  }

  /** Is one left? */
  has(now: number): boolean {
    this.#grow(now)
    return this.#left >= 1
  }

  /** Is it as if nothing had ever been spent? */
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
