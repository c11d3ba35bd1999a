import { setTimeout as pause } from 'node:timers/promises'
import type { Fault, Phase } from './fault.ts'
import { CERTIFICATE_FAULTS } from './faults/certificates.ts'
import { NETWORK_FAULTS } from './faults/network.ts'
import { PROCESS_FAULTS } from './faults/processes.ts'
import { SURROUNDING_FAULTS } from './faults/surroundings.ts'
import type { Random } from './random.ts'
import type { Site } from './site.ts'
import { within } from './waits.ts'

/** A fault that was there; times in ms since 1970. */
export interface Struck extends Phase {
  readonly at: string
  readonly from: number
  to: number
}

export const FAULTS: readonly Fault[] = [
  ...NETWORK_FAULTS,
  ...PROCESS_FAULTS,
  ...SURROUNDING_FAULTS,
  ...CERTIFICATE_FAULTS,
]

/** How many at once, of ten rounds. */
const AT_ONCE = [1, 1, 1, 1, 1, 2, 2, 2, 3, 4]
/** The longest of them restarts three pods, one after the other. */
const STRIKE_MS = 300_000

/** Rounds of faults, as the seed says, with calm between them. */
export class Schedule {
  readonly struck: Struck[] = []
  /** What could not be done or undone. */
  readonly failed: string[] = []
  readonly #site: Site
  readonly #random: Random
  /** As cards: each kind comes before any comes again. */
  #deck: Fault[] = []
  readonly #kinds: readonly Fault[]

  constructor(site: Site, random: Random, kinds: readonly Fault[]) {
    this.#kinds = kinds
    this.#site = site
    this.#random = random
  }

  /** Until this time of `performance.now()`; the round that runs is finished. */
  async run(until: number): Promise<void> {
    while (performance.now() < until) {
      const taken = new Set<unknown>()
      const rounds: Promise<void>[] = []
      for (let left = this.#random.one(AT_ONCE); left > 0; left--) {
        rounds.push(this.#strike(taken))
        await pause(this.#random.int(0, 1500))
      }
      await Promise.all(rounds)
      await pause(this.#random.int(1000, 5000))
    }
  }

  async #strike(taken: Set<unknown>): Promise<void> {
    const fault = this.#draw()
    const { at, takes, strike } = fault.aim(this.#site, this.#random)
    // The card is played, whether or not there was room for it.
    if (takes.some((key) => taken.has(key))) return
    for (const key of takes) taken.add(key)
    const { kind, excuses } = fault
    const begin = (phase: Phase): Struck => {
      const struck = { ...phase, at, from: Date.now(), to: Number.POSITIVE_INFINITY }
      this.struck.push(struck)
      return struck
    }
    const { mode } = this.#site
    let struck = begin({ kind, excuses: excuses === true || (excuses !== false && excuses(mode)) })
    const next = (phase: Phase) => {
      struck.to = Date.now()
      struck = begin(phase)
    }
    try {
      await within(STRIKE_MS, `the end of ${kind} (${at})`, strike(next))
    } catch (error) {
      this.failed.push(`${kind} (${at}) could not be done or undone: ${error}`)
    }
    struck.to = Date.now()
    for (const key of takes) taken.delete(key)
  }

  #draw(): Fault {
    if (this.#deck.length === 0) {
      const possible = this.#kinds.filter(({ possible }) => possible?.(this.#site) ?? true)
      this.#deck = this.#random.shuffled(possible)
    }
    return this.#deck.pop()!
  }
}
