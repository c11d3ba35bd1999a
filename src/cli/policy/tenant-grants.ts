import { grantsInForce } from '../../analysis/installation.ts'
import { type CrossingUsage, mergedEvidence, type TenantUsage } from '../../analysis/usage.ts'
import { isOkapi, productOf } from '../../folio/module-id.ts'
import { isOrdinaryTenant } from '../../folio/tenant.ts'
import { parseCaller } from '../../policy/caller.ts'
import type { PolicySource } from '../../policy/compiled-policy.ts'
import { CROSSINGS, type Crossing, mayCross, readConsortia } from '../../policy/consortia.ts'
import { isAt, isFor } from '../../policy/grants.ts'
import { day, LIFE_MS, times, type WrittenGrant } from './suggestion.ts'

/**
 * A grant of tenants for each caller that was refused ordinary tenants: without a token, or because
 * `tenantsOf` does not include them.
 */
export function servedGrants(usages: readonly TenantUsage[], nowMs: number): WrittenGrant[] {
  const groups = Map.groupBy(
    usages.filter(({ tenant }) => isOrdinaryTenant(tenant)),
    ({ caller, at }) => `${whole(caller)} ${place(at)}`,
  )
  return [...groups].sort().map(([key, group]) => {
    const [caller, at] = key.split(' ')
    const tenants = [...new Set(group.map(({ tenant }) => tenant))].sort()
    const comments = [
      `without a token, or left out by policy.tenantsOf, ${evidence(group)}`,
      'does it act there by itself? If it does not, it may be a theft',
    ]
    const { count, firstMs, lastMs } = mergedEvidence(group)
    const why = `acted for these tenants ${times(count)} between ${day(firstMs)} and ${day(lastMs)}`
    return { comments, grants: [{ caller, at, tenants, why, until: day(nowMs + LIFE_MS) }] }
  })
}

/**
 * What would allow tokens of one tenant for another: in a consortium a rule of its file, given as a line, else a
 * grant. What is already allowed is left out.
 */
export function crossings(
  source: PolicySource,
  usages: readonly CrossingUsage[],
  nowMs: number,
): { grants: WrittenGrant[]; rules: string[] } {
  const consortia = readConsortia(source.consortia, [])
  const inForce = grantsInForce(source).filter(({ untilMs }) => untilMs > nowMs)
  const left = usages.filter(({ caller, at, from, to }) => {
    const known = parseCaller(caller)
    const way = consortia.relationBetween(from, to)
    if (way !== undefined && mayCross(consortia, known, way)) return false
    return !inForce.some(
      (grant) =>
        grant.opens.kind === 'cross' &&
        isFor(grant, known) &&
        isAt(grant, at) &&
        grant.opens.from.has(from) &&
        grant.opens.to.has(to),
    )
  })
  const inside = left.filter(({ from, to }) => consortia.relationBetween(from, to) !== undefined)
  const outside = left.filter((usage) => !inside.includes(usage))
  const groups = Map.groupBy(
    outside,
    ({ caller, at, from }) => `${whole(caller)} ${place(at)} ${from}`,
  )
  const grants = [...groups].sort().map(([key, group]): WrittenGrant => {
    const [caller, at, from] = key.split(' ')
    const to = [...new Set(group.map((usage) => usage.to))].sort()
    const comments = [
      `tokens of tenant ${from} for ${to.join(', ')}, ${evidence(group)}`,
      'where both are of one consortium a rule in policy.consortia is better: docs/tenants.md',
    ]
    const { count, firstMs, lastMs } = mergedEvidence(group)
    const why = `crossed ${times(count)} between ${day(firstMs)} and ${day(lastMs)}`
    const until = day(nowMs + LIFE_MS)
    return { comments, grants: [{ caller, at, cross: { from: [from], to }, why, until }] }
  })
  const ways = inside.map((usage) => ({
    usage,
    way: consortia.relationBetween(usage.from, usage.to)!,
  }))
  const byRule = Map.groupBy(ways, ({ usage, way }) => `${whole(usage.caller)} ${way.central}`)
  const rules = [...byRule].sort().map(([key, group]) => {
    const [caller, central] = key.split(' ')
    const seen = new Set<Crossing>(group.map(({ way }) => way.crossing))
    const directions = CROSSINGS.filter((crossing) => seen.has(crossing)).join(', ')
    const { count, firstMs, lastMs } = mergedEvidence(group.map(({ usage }) => usage))
    const why = `crossed ${times(count)} between ${day(firstMs)} and ${day(lastMs)}`
    return `under cross in policy.consortia: {caller: ${caller}, directions: [${directions}], consortia: [${central}], why: ${why}}`
  })
  return { grants, rules }
}

function evidence(group: readonly TenantUsage[] | readonly CrossingUsage[]): string {
  const { count, firstMs, lastMs } = mergedEvidence(group)
  const routes = [...new Set(group.map(({ method, route }) => `${method} ${route}`))].sort()
  const seen = `first ${new Date(firstMs).toISOString()}, last ${new Date(lastMs).toISOString()}`
  return `${times(count)}, ${seen}: ${routes.join('; ')}`
}

/** A module means all its versions. */
function whole(caller: string): string {
  return parseCaller(caller).kind === 'module' ? productOf(caller) : caller
}

function place(at: string): string {
  return isOkapi(at) ? 'okapi' : productOf(at)
}
