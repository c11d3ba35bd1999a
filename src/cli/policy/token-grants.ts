import { grantsInForce } from '../../analysis/installation.ts'
import { mergedEvidence, type Usage } from '../../analysis/usage.ts'
import { productOf } from '../../folio/module-id.ts'
import { parseCaller } from '../../policy/caller.ts'
import type { PolicySource } from '../../policy/compiled-policy.ts'
import { isFor } from '../../policy/grants.ts'
import { day, LIFE_MS, times, type WrittenGrant } from './suggestion.ts'

/**
 * A grant for each product that sent tokens which Okapi had not sent to it. The log does not say where a token
 * came from, so the reviewer has to: named modules are better than `any`.
 */
export function tokenGrants(
  source: PolicySource,
  usages: readonly Usage[],
  nowMs: number,
): WrittenGrant[] {
  const inForce = grantsInForce(source).filter(
    ({ opens, untilMs }) => opens.kind === 'tokens' && opens.of === 'any' && untilMs > nowMs,
  )
  const left = usages.filter(({ caller }) => {
    const known = parseCaller(caller)
    return known.kind === 'module' && !inForce.some((grant) => isFor(grant, known))
  })
  const products = Map.groupBy(left, ({ caller }) => productOf(caller))
  return [...products].sort().map(([caller, group]) => {
    const { count, firstMs, lastMs } = mergedEvidence(group)
    const routes = [...new Set(group.map(({ method, route }) => `${method} ${route}`))].sort()
    const seen = `first ${new Date(firstMs).toISOString()}, last ${new Date(lastMs).toISOString()}`
    const comments = [
      `tokens that Okapi has not sent to it, ${times(count)}, ${seen}: ${routes.join('; ')}`,
      'find out where it has them from: by Kafka or a database from other modules? Then name those,',
      'tokens: [mod-x, mod-y], so that only tokens that Okapi sent to them pass. If not, it may be a theft.',
    ]
    const why = `sent unknown tokens ${times(count)} between ${day(firstMs)} and ${day(lastMs)}`
    const until = day(nowMs + LIFE_MS)
    return { comments, grants: [{ caller, at: 'okapi', tokens: 'any', why, until }] }
  })
}
