import type { Chain } from '../candidates/candidate.ts'
import { wrk } from '../load/wrk.ts'
import { type Cell, type Plan, pair } from '../measure/rounds.ts'
import type { Options } from '../options.ts'
import type { Row } from '../report/rows.ts'
import type { Scenario } from '../scenarios.ts'
import type { Site } from '../site/site.ts'

/** What every study works with. */
export interface Bench {
  readonly site: Site
  readonly options: Options
  readonly plan: Plan
}

/** One question that `--full` answers. */
export interface Study {
  readonly title: string
  run(bench: Bench): Promise<readonly Row[]>
}

/** A chain under the load that wrk makes. */
export function wrkCell(site: Site, chain: Chain, scenario: Scenario, candidate?: string): Cell {
  const { directory, tools } = site
  return {
    group: scenario.name,
    candidate: candidate ?? chain.candidate,
    processes: pair(chain),
    load: (seconds) => wrk(tools.wrk, scenario, { port: chain.port, seconds, directory }),
  }
}
