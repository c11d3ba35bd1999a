import { setTimeout as pause } from 'node:timers/promises'
import type { Chain } from '../candidates/candidate.ts'
import { type LoadResult, NoAnswer } from '../load/load.ts'
import { cpuNanos, memory } from './proc.ts'
import type { Measured } from './process.ts'

/** One thing to be measured again and again, between the others of its group. */
export interface Cell {
  /** What is compared: cells of one group differ in their candidate only. */
  readonly group: string
  readonly candidate: string
  /** The processes whose CPU time counts. */
  readonly processes: readonly Measured[]
  readonly load: (seconds: number) => Promise<LoadResult>
}

/** What one round saw of one cell. */
export interface Sample extends LoadResult {
  /** CPU time of each process of the cell, in microseconds per request. */
  readonly cpuMicros: readonly number[]
  /** The larger of the processes, in bytes, right after the load. */
  readonly rssBytes: number
}

export interface Plan {
  readonly rounds: number
  readonly seconds: number
  /** Told what is being done, and how far it is. */
  readonly progress: (doing: string, done: number, of: number) => void
}

/** At first a compiler is busy with what runs often; it is not what a day of service costs. */
const LONG_WARM_UP_SECONDS = 4

/** The samples of each cell, by round. */
export type Results = ReadonlyMap<Cell, readonly Sample[]>

/**
 * Warms each cell up, then measures them in rounds: in each round every cell of a group once, the
 * first of one round being the second of the next.
 */
export async function measure(cells: readonly Cell[], plan: Plan): Promise<Results> {
  const results = new Map<Cell, Sample[]>(cells.map((cell) => [cell, []]))
  let warmUpSeconds = LONG_WARM_UP_SECONDS
  const groups = [...new Set(cells.map(({ group }) => group))]
  const of = cells.length * (plan.rounds + 1)
  let done = 0
  for (const group of groups) {
    const members = cells.filter((cell) => cell.group === group)
    for (const cell of members) {
      plan.progress(`${group}: warming up ${cell.candidate}`, done++, of)
      await loaded(cell, warmUpSeconds)
    }
    warmUpSeconds = 1
    for (let round = 0; round < plan.rounds; round++) {
      for (const k of members.keys()) {
        const cell = members[(k + round) % members.length]!
        plan.progress(`${group}: ${cell.candidate}, round ${round + 1}`, done++, of)
        results.get(cell)!.push(await sample(cell, plan.seconds))
      }
    }
  }
  return results
}

/** After the last answer: what is still on its way is part of the cost. */
const SETTLE_MS = 30

async function sample(cell: Cell, seconds: number): Promise<Sample> {
  const { processes } = cell
  let before: readonly number[] = []
  const seen = await loaded(cell, seconds, () => {
    before = processes.map(({ pid }) => cpuNanos(pid))
  })
  await pause(SETTLE_MS)
  const cpuMicros = processes.map(
    ({ pid }, i) => (cpuNanos(pid) - before[i]!) / 1000 / seen.requests,
  )
  return { ...seen, cpuMicros, rssBytes: largest(processes).rssBytes }
}

/** On a busy machine all connections of a load may come about only after its end. */
const TRIES = 5

/** @param begins called before each try */
async function loaded(cell: Cell, seconds: number, begins = () => {}): Promise<LoadResult> {
  const { group, candidate, load } = cell
  for (let tries = 1; ; tries++) {
    try {
      begins()
      return await load(seconds)
    } catch (error) {
      if (error instanceof NoAnswer && tries < TRIES) continue
      throw new Error(`${group}, ${candidate}: the load failed`, { cause: error })
    }
  }
}

/** The larger of two processes, each measure by itself. */
export function largest(processes: readonly Measured[]) {
  const sizes = processes.map(({ pid }) => memory(pid))
  return {
    rssBytes: Math.max(...sizes.map(({ rssBytes }) => rssBytes)),
    privateBytes: Math.max(...sizes.map(({ privateBytes }) => privateBytes)),
  }
}

/** Both proxies of a chain. */
export function pair({ egress, ingress }: Chain): readonly Measured[] {
  return [egress, ingress]
}
