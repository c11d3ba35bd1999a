import type { Cell, Results, Sample } from '../measure/rounds.ts'
import { median, pairedRatios, type Spread, spread } from '../stats.ts'

/** What a chain needs before any load; by candidate. */
export interface Idle {
  /** Of each of its two processes, in the order they were started. */
  readonly readyMs: readonly number[]
  /** The larger of the two. */
  readonly rssBytes: number
  readonly privateBytes: number
}

/** One candidate under one load: medians over the rounds. `--json` writes these. */
export interface Row {
  readonly candidate: string
  readonly scenario: string
  /** Both proxies together. */
  readonly cpuMicrosPerRequest: number
  /** Over nginx in the same round; null where nginx was not measured. */
  readonly ratioToNginx: number | null
  readonly p50Micros: number
  readonly p99Micros: number
  readonly rssIdleBytes: number | null
  readonly rssLoadedBytes: number
  readonly privateIdleBytes: number | null
  /** Each process of the cell by itself, in its order. */
  readonly cpuMicrosOfEach: readonly number[]
  readonly ratioSpread: Spread | null
  readonly requestsPerSecond: number
}

/** The rows of a study, group by group. */
export function rowsOf(results: Results, idle: ReadonlyMap<string, Idle> = new Map()): Row[] {
  const groups = [...new Set([...results.keys()].map(({ group }) => group))]
  const cells = groups.flatMap((group) => [...results].filter(([cell]) => cell.group === group))
  return cells.map(([cell, samples]) => {
    const base = cells.find(([other]) => other.group === cell.group && isBase(other))?.[1]
    return row(cell, samples, base, idle.get(cell.candidate))
  })
}

export const BASE = 'nginx'

function isBase({ candidate }: Cell): boolean {
  return candidate === BASE
}

function row(
  { group, candidate, processes }: Cell,
  samples: readonly Sample[],
  base: readonly Sample[] | undefined,
  idle: Idle | undefined,
): Row {
  const ratios = base === undefined ? [] : pairedRatios(samples.map(total), base.map(total))
  const middle = (of: (sample: Sample) => number) => median(samples.map(of))
  return {
    candidate,
    scenario: group,
    cpuMicrosPerRequest: middle(total),
    ratioToNginx: ratios.length === 0 ? null : median(ratios),
    p50Micros: middle(({ p50Micros }) => p50Micros),
    p99Micros: middle(({ p99Micros }) => p99Micros),
    rssIdleBytes: idle?.rssBytes ?? null,
    rssLoadedBytes: Math.max(...samples.map(({ rssBytes }) => rssBytes)),
    privateIdleBytes: idle?.privateBytes ?? null,
    cpuMicrosOfEach: processes.map((_, i) => middle(({ cpuMicros }) => cpuMicros[i]!)),
    ratioSpread: ratios.length === 0 ? null : spread(ratios),
    requestsPerSecond: middle(({ perSecond }) => perSecond),
  }
}

function total({ cpuMicros }: Sample): number {
  return cpuMicros.reduce((sum, micros) => sum + micros, 0)
}
