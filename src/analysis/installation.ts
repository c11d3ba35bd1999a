import { Fault, type Problem } from '../fault.ts'
import { isOkapi } from '../folio/module-id.ts'
import { type Caller, parseCaller } from '../policy/caller.ts'
import type { PolicySource } from '../policy/compiled-policy.ts'
import type { DescriptorSet } from '../policy/descriptors.ts'
import { type Grant, readGrantRules, STRIPES_GRANTS } from '../policy/grants.ts'
import { knownGrantsOf } from '../policy/known-grants.ts'
import type { Policy } from '../policy/policy.ts'
import type { RuleSource } from '../policy/rule-source.ts'

/** A compiled policy and its sources. */
export interface Installation {
  readonly policy: Policy
  readonly set: DescriptorSet
  /** All given ones, including built-in ones. */
  readonly grants: readonly Grant[]
  /** The migration listener, where one is open. */
  readonly plain?: MigrationListener
}

/**
 * Every caller that is named anywhere: Okapi, public, callers of the migration listener, people and
 * systems of grants, modules.
 */
export function callersOf({ set, grants, plain }: Omit<Installation, 'policy'>): Caller[] {
  const named = [...new Set(grants.map(({ caller }) => caller))].sort().map(parseCaller)
  const ids = [...set.modules.keys()]
  return [
    { kind: 'module', id: ids.find(isOkapi) ?? 'okapi' },
    { kind: 'public' },
    ...(plain === undefined ? [] : [{ kind: 'plain' } as const]),
    ...named.filter(({ kind }) => kind === 'operator' || kind === 'client'),
    ...ids.filter((id) => !isOkapi(id)).map((id): Caller => ({ kind: 'module', id })),
  ]
}

/** The migration listener of one sidecar. */
export interface MigrationListener {
  /** Whose ingress: `okapi`, or the full id of its module. */
  readonly at: string
  /** Milliseconds since 1970; from then on nothing is open there. */
  readonly untilMs: number
}

/**
 * Every grant in a policy compiled from this source, the built-in ones last. What cannot be read is
 * left out: compiling reports it.
 */
export function grantsInForce({
  grants = [],
  known = [],
  knownGrants = [],
}: Pick<PolicySource, 'grants' | 'known' | 'knownGrants'>): readonly Grant[] {
  const unread: Problem[] = []
  const named = knownGrantsOf({ known, knownGrants }, unread)
  return [...readGrantRules(grants, unread), ...named, ...STRIPES_GRANTS]
}

/** The grants of all callers. Throws a Fault for any that cannot be read. */
export function readAllGrants(list: readonly RuleSource[]): Grant[] {
  const problems: Problem[] = []
  const grants = readGrantRules(list, problems)
  if (problems.length > 0) throw new Fault(problems)
  return grants
}
