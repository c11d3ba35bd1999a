/** One in this many places is reserved for users that have few. */
const KEPT_OF = 8
/** A user with fewer than one in this many places has few. */
const FEW_OF = 500
/** A user that has this many times the free places gets no further place. */
const TIMES_FREE = 3

/**
 * Places that several users share, and that cannot be taken back. So a user with many must leave
 * some: another place goes only to a user that has few, or less than three times the free places
 * beyond the reserved eighth. A single user gets 21/32 of all; N users that take all they can get
 * 21/(8(3N + 1)) each; and as many users as the reserved eighth has room for get their few,
 * whatever all others do.
 */
export class ReservedPlaces {
  readonly all: number
  /** All but the kept part. */
  readonly shared: number
  readonly #few: number
  taken = 0

  constructor(all: number) {
    this.all = all
    this.shared = all - Math.floor(all / KEPT_OF)
    this.#few = Math.max(1, Math.floor(all / FEW_OF))
  }

  get full(): boolean {
    return this.taken >= this.all
  }

  /**
   * May a user with `own` places take another one? `times`: how many times the free places it may
   * have.
   */
  allows(own: number, times = TIMES_FREE): boolean {
    if (this.isFew(own)) return !this.full
    return own < times * (this.shared - this.taken)
  }

  /** Is it so few that it may use the reserved places too? */
  isFew(own: number): boolean {
    return own < this.#few
  }

  /** The same for a user that stands for many: it must leave only the reserved part. */
  get allowsMany(): boolean {
    return this.taken < this.shared
  }

  /** The maximum for a single user. */
  get mostOfOne(): number {
    return Math.max(this.#few, Math.ceil((this.shared * TIMES_FREE) / (TIMES_FREE + 1)))
  }
}
