import type { AdaptiveLimit } from '../../src/proxy/adaptive-limit.ts'
import { UsualLatency } from '../../src/proxy/usual-latency.ts'

/** How a module works: so many calls at a time, each for so long; further calls wait in it. */
export interface Work {
  readonly workers: number
  /** Milliseconds of one call. */
  readonly ms: (random: () => number) => number
}

export interface SimulatedLoad {
  readonly perSecond: number
  readonly seconds: number
  readonly work: Work
}

/** The results of the calls of one phase. */
export interface Outcome {
  answered: number
  refused: number
  /** Milliseconds of those that were answered. */
  readonly latencies: number[]
  readonly limits: number[]
}

interface Call {
  readonly beganAt: number
  readonly outcome: Outcome
}

/** A module behind an adaptive limit, by a clock of its own: nothing waits, nothing depends on the machine. */
export class SimulatedModule {
  readonly limit: AdaptiveLimit
  #usual = new UsualLatency()
  readonly #random: () => number
  readonly #queue: Call[] = []
  readonly #busy: { readonly endsAt: number; readonly call: Call }[] = []
  #now = 0

  constructor(limit: AdaptiveLimit, random: () => number) {
    this.limit = limit
    this.#random = random
  }

  /** Calls come at random moments (Poisson), whatever the answers are. */
  run({ perSecond, seconds, work }: SimulatedLoad): Outcome {
    const outcome: Outcome = { answered: 0, refused: 0, latencies: [], limits: [] }
    const end = this.#now + seconds * 1000
    for (;;) {
      const next = this.#now - (Math.log(1 - this.#random()) * 1000) / perSecond
      this.#until(Math.min(next, end), work)
      if (next >= end) return outcome
      this.#call(outcome, work)
    }
  }

  #call(outcome: Outcome, work: Work): void {
    outcome.limits.push(this.limit.limit)
    if (this.limit.open >= this.limit.limit) {
      outcome.refused++
      return
    }
    this.limit.began()
    this.#queue.push({ beganAt: this.#now, outcome })
    this.#start(work)
  }

  #start(work: Work): void {
    while (this.#busy.length < work.workers) {
      const call = this.#queue.shift()
      if (call === undefined) return
      const entry = { endsAt: this.#now + work.ms(this.#random), call }
      const at = this.#busy.findIndex(({ endsAt }) => endsAt > entry.endsAt)
      this.#busy.splice(at === -1 ? this.#busy.length : at, 0, entry)
    }
  }

  #until(moment: number, work: Work): void {
    for (;;) {
      const next = this.#busy[0]
      if (next === undefined || next.endsAt > moment) break
      this.#busy.shift()
      this.#now = next.endsAt
      this.#answered(next.call)
      this.#start(work)
    }
    this.#now = moment
  }

  #answered({ beganAt, outcome }: Call): void {
    const took = this.#now - beganAt
    outcome.answered++
    outcome.latencies.push(took)
    this.limit.ended()
    const end = this.limit.answered(this.#usual.took(took, this.#now), beganAt, this.#now)
    if (end === 'relearn') this.#usual = new UsualLatency()
    else if (end === 'period') this.#usual.nextPeriod()
  }
}

/** The part of values that `share` of all do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
