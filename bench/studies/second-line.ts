import { type WholeWay, wholeWay } from '../candidates/whole-way.ts'
import { wrk } from '../load/wrk.ts'
import { measure } from '../measure/rounds.ts'
import { rowsOf } from '../report/rows.ts'
import { SCENARIOS, type Scenario } from '../scenarios.ts'
import type { Study } from './study.ts'

/** The second line of authorization: all of it off, the true caller alone, all that can judge on. */
const LINES = {
  off: { caller: 'off', tenants: 'off', tokens: 'off' },
  caller: { caller: 'enforce', tenants: 'off', tokens: 'off' },
  // No module has got a token here: with `enforce` the load would be refused.
  on: { caller: 'enforce', tenants: 'enforce', tokens: 'report' },
} as const

const LOADS = ['small-32', 'folio-32']

/** What judging by the true caller, the tenant and the token's way costs in all three sidecars. */
export const secondLine: Study = {
  title:
    'The second line off and on: CPU of three sidecars, from a module through Okapi to a module',
  async run({ site, plan }) {
    const ways: WholeWay[] = []
    try {
      for (const [name, policy] of Object.entries(LINES)) {
        ways.push(await wholeWay(site, `second-line-${name}`, { policy }))
      }
      const loads = SCENARIOS.filter(({ name }) => LOADS.includes(name))
      const cells = loads.flatMap((scenario: Scenario) =>
        ways.map(({ candidate, port, sidecars }) => ({
          group: scenario.name,
          candidate,
          processes: sidecars,
          load: (seconds: number) =>
            wrk(site.tools.wrk, scenario, { port, seconds, directory: site.directory }),
        })),
      )
      return rowsOf(await measure(cells, plan))
    } finally {
      await Promise.all(ways.map((way) => way.stop()))
    }
  },
}
