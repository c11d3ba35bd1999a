import { isOkapi } from '../folio/module-id.ts'
import { type Caller, callerName, parseCaller } from '../policy/caller.ts'
import type { DescriptorSet } from '../policy/descriptors.ts'
import type { Grant } from '../policy/grants.ts'
import type { Policy } from '../policy/policy.ts'
import { reachAdministration } from './admin-reach.ts'
import { reachDirectly, reachOfOkapi } from './module-reach.ts'
import { okapiSubjects, reachThroughOkapi } from './okapi-reach.ts'
import type { Opening } from './opening.ts'
import { type PlainDoorway, reachPlainly } from './plain-reach.ts'

/** A compiled policy with what it was compiled from. */
export interface Installation {
  readonly policy: Policy
  readonly set: DescriptorSet
  /** All that were given, built-in ones included. */
  readonly grants: readonly Grant[]
  /** The migration door, where one is open. */
  readonly plain?: PlainDoorway
}

/**
 * Everybody who is named anywhere: Okapi, public, who comes by a plain door, people and systems of
 * grants, modules.
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

/**
 * Who may call what, at Okapi's ingress and at those of modules, for everybody or for `callers`.
 * Every line is an answer of the judge that the proxy asks; a route stands there when at least one
 * request for it would pass, whatever its tenant.
 */
export function reachOf(
  installation: Installation,
  callers: readonly Caller[] = callersOf(installation),
): Opening[] {
  const { plain } = installation
  const subjects = okapiSubjects(installation.set)
  return callers.flatMap((caller) => {
    if (caller.kind === 'plain') {
      return plain === undefined ? [] : reachPlainly(installation, plain, subjects)
    }
    return isOkapi(callerName(caller))
      ? reachOfOkapi(installation, caller)
      : [
          ...reachThroughOkapi(installation, caller, subjects),
          ...reachAdministration(installation, caller),
          ...reachDirectly(installation, caller),
        ]
  })
}
