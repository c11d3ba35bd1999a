import { Fault, type Problem } from '../fault.ts'
import { parseCaller } from '../policy/caller.ts'
import type { Clause } from '../policy/clause.ts'
import { type Grant, isFor, readGrants } from '../policy/grants.ts'

/** The grants for one caller at Okapi. Throws a Fault for any that cannot be read. */
export function readGrantsFor(list: readonly Clause[], caller: string): Grant[] {
  const problems: Problem[] = []
  const grants = readGrants(list, problems)
  if (problems.length > 0) throw new Fault(problems)
  const who = parseCaller(caller)
  return grants.filter((grant) => grant.at === 'okapi' && isFor(grant, who))
}
