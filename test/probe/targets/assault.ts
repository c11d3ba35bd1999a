import { selectAttacks } from '../../../src/probe/attacks.ts'
import { USUAL_PORTS } from '../../../src/probe/context.ts'
import type { DialTarget } from '../../../src/probe/dial.ts'
import type { AttackFinding } from '../../../src/probe/finding.ts'
import { type Given, prepare } from '../../../src/probe/prepare.ts'
import { choose, play } from '../../../src/probe/runner.ts'

/** How one assault is made. */
export type Assault = Partial<Given> & {
  readonly endpoint: DialTarget
  /** Ids and groups, as `--only` takes them; all by default. */
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
}

/** Everything that the probe would try here with what is given; the finding by id. */
export async function assault(given: Assault): Promise<ReadonlyMap<string, AttackFinding>> {
  const { only = [], skip = [], ...rest } = given
  const [round] = await prepare({ ...USUAL, ...rest }, AbortSignal.timeout(50_000))
  const { tried } = choose(selectAttacks(only, skip), round!.context)
  const results = await play([{ ...round!, attacks: tried }], { parallel: 8, perSecond: 1000 })
  return new Map(results.map((result) => [result.attack.id, result]))
}

/** The ids of what got through, sorted. */
export function through(findings: ReadonlyMap<string, AttackFinding>): readonly string[] {
  return [...findings]
    .flatMap(([id, { outcome }]) => (outcome === 'got-through' ? [id] : []))
    .sort()
}

const USUAL: Omit<Given, 'endpoint'> = {
  atOkapi: false,
  credentials: [],
  allowWrites: false,
  ports: USUAL_PORTS,
  timeoutMs: 10_000,
  stallMs: 1000,
}
