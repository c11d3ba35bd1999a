import { thisTurn } from '../../refusal/turn.ts'

/** How many requests may be refused in one turn of the event loop. */
export interface MostRefused {
  /** Requests that were parsed: refusing them needs no upstream. */
  readonly refused: number
  /** Requests that are refused because there is no CPU left (limits.turnMs): refused at once. */
  readonly shed: number
}

/** What was refused in this turn, of one link or of all links of a caller. */
export class RefusedInTurn {
  readonly #most: MostRefused
  #turn = 0
  #refused = 0
  #shed = 0

  constructor(most: MostRefused) {
    this.#most = most
  }

  /** Is it as much as there may be? */
  get isFull(): boolean {
    if (this.#turn !== thisTurn()) return false
    return this.#refused >= this.#most.refused || this.#shed >= this.#most.shed
  }

  refused(): void {
    this.#begin()
    this.#refused++
  }

  shed(): void {
    this.#begin()
    this.#shed++
  }

  #begin(): void {
    const turn = thisTurn()
    if (turn === this.#turn) return
    this.#turn = turn
    this.#refused = 0
    this.#shed = 0
  }
}

/** Per caller, however many links it has. */
const MOST_OF_CALLER: MostRefused = { refused: 32, shed: 2048 }

/** All links of one caller. Links that have used up a turn continue in a later one, in order. */
export class CallerTurns extends RefusedInTurn {
  #line: (() => void)[] = []
  #scheduled = false
  readonly #next = () => {
    const line = this.#line
    this.#line = []
    this.#scheduled = false
    let i = 0
    for (; i < line.length && !this.isFull; i++) line[i]!()
    // Links that had no turn come before those that ask again.
    this.#line = [...line.slice(i), ...this.#line]
    if (this.#line.length > 0) this.#schedule()
  }

  constructor(most = MOST_OF_CALLER) {
    super(most)
  }

  /** Calls back in a later turn. */
  wait(goOn: () => void): void {
    this.#line.push(goOn)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#next)
  }
}
