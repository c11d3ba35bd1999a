import type { Problem } from '../fault.ts'
import { hasAuthFilter } from '../folio/descriptor.ts'
import { isOkapi, productOf } from '../folio/module-id.ts'
import { SUPERTENANT } from '../folio/tenant.ts'
import type { DescriptorSet } from './descriptors.ts'
import { type Grant, isAt, isFor, readGrantRules } from './grants.ts'
import type { RuleSource } from './rule-source.ts'

/** A grant that ships with the product. */
export interface KnownGrant {
  /** What turns it on in `knownGrants`: the name of a set, or else the product of its caller. */
  readonly name: string
  readonly grant: Grant
}

/** The shipped set for an Okapi whose supertenant has an auth filter. */
const SUPERTENANT_SET = 'supertenant'

/** Reads `grants/known.yaml`: grants, some of which belong to a `set`. */
export function readKnownGrants(list: readonly RuleSource[], problems: Problem[]): KnownGrant[] {
  return list.flatMap((source) => {
    const { set, value } = withoutSet(source)
    return readGrantRules([{ ...source, value }], problems).map((grant) => ({
      name: set ?? grant.caller,
      grant,
    }))
  })
}

/** The known grants that `named` turns on; an unknown name is an error. */
export function knownGrantsOf(
  {
    known = [],
    knownGrants: named = [],
  }: {
    readonly known?: readonly RuleSource[]
    readonly knownGrants?: readonly string[]
  },
  problems: Problem[],
): Grant[] {
  if (named.length === 0) return []
  const all = readKnownGrants(known, problems)
  for (const one of named) {
    if (all.some(({ name }) => name === one)) continue
    const message = `nothing is known of ${one}`
    const where = { file: 'policy.knownGrants' }
    const hint = `known are ${[...new Set(all.map(({ name }) => name))].join(', ')}`
    problems.push({ severity: 'error', message, where, hint })
  }
  return all.filter(({ name }) => named.includes(name)).map(({ grant }) => grant)
}

/**
 * A warning for each installed module that cannot do its part of a login in the supertenant. An
 * installed auth filter will be enabled for the supertenant too, and then the superuser cannot log
 * in.
 *
 * @param own the module of the sidecar that asks; beside Okapi all modules matter
 */
export function supertenantProblems(
  { modules }: DescriptorSet,
  {
    grants,
    known,
    own,
    now,
  }: {
    readonly grants: readonly Grant[]
    readonly known: readonly KnownGrant[]
    readonly own: string
    readonly now: number
  },
): readonly Problem[] {
  if (![...modules.values()].some(({ descriptor }) => hasAuthFilter(descriptor))) return []
  const needed = known.filter(({ name }) => name === SUPERTENANT_SET)
  const lacking = [...modules.keys()].filter((id) => {
    if (!isOkapi(own) && own !== id) return false
    const caller = { kind: 'module', id } as const
    if (!needed.some(({ grant }) => isFor(grant, caller))) return false
    return !grants.some(
      (grant) =>
        isFor(grant, caller) && isAt(grant, 'okapi') && grant.untilMs > now && opensIt(grant),
    )
  })
  if (lacking.length === 0) return []
  const message = `${lacking.join(' and ')} may not call Okapi in the supertenant: once an auth filter is enabled there, the superuser cannot log in`
  const ends = isOkapi(own)
    ? `here and in the sidecars of ${lacking.map(productOf).join(' and ')}`
    : `here and in Okapi’s sidecar`
  const hint = `set policy.knownGrants: [${SUPERTENANT_SET}], ${ends}`
  return [{ severity: 'warning', message, hint }]
}

/** A warning beside Okapi if no operator may administer it. */
export function administrationProblems(
  grants: readonly Grant[],
  { own, now }: { readonly own: string; readonly now: number },
): readonly Problem[] {
  if (!isOkapi(own)) return []
  const valid = grants.filter(({ opens, untilMs }) => opens.kind === 'admin' && untilMs > now)
  if (valid.length > 0) return []
  const message = 'no operator may administer Okapi: no grant with a profile or `admin` is in force'
  const hint = 'grants: [{caller: operator/NAME, at: okapi, profile: daily, why: ...}]'
  return [{ severity: 'warning', message, hint }]
}

function opensIt({ opens }: Grant): boolean {
  return opens.kind === 'tenants' && opens.tenants.includes(SUPERTENANT)
}

function withoutSet({ value }: RuleSource): { set: string | undefined; value: unknown } {
  if (typeof value !== 'object' || value === null || !('set' in value)) {
    return { set: undefined, value }
  }
  const { set, ...grant } = value
  return { set: typeof set === 'string' ? set : undefined, value: grant }
}
