/** Of all places this part is kept for those who have few: one in so many. */
const KEPT_OF = 8
/** A user with fewer than one in so many places has few. */
const FEW_OF = 500
/** A user with so many times what is free gets no further place. */
const TIMES_FREE = 3

/**
 * Places that several share, where one that was given cannot be taken back. So a user with many must
 * leave some: another place goes only to who has few, or less than three times what is free beyond
 * the kept eighth. Alone that is 21 in 32 of all; of N who take all they can get each has
 * 21 in 8(3N + 1); and as many as the kept eighth has room for have their few, whatever all others do.
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

  /** May one who has `own` of them take another one? `times`: as often as what is free it may have. */
  allows(own: number, times = TIMES_FREE): boolean {
    if (this.isFew(own)) return !this.full
    return own < times * (this.shared - this.taken)
  }

  /** Is it so few that the kept places are for it too? */
  isFew(own: number): boolean {
    return own < this.#few
  }

  /** The same for one who stands for many: it leaves the kept part, and nothing else. */
  get allowsMany(): boolean {
    return this.taken < this.shared
  }

  /** So many has one who is alone at most. */
  get mostOfOne(): number {
    return Math.max(this.#few, Math.ceil((this.shared * TIMES_FREE) / (TIMES_FREE + 1)))
  }
}
