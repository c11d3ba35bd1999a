import { get, type Raw } from './document.ts'
import type { Flaw } from './issues.ts'

/**
 * Where tokens are judged, those that Okapi sends have to be seen: it sends them by `egress.modules` beside
 * Okapi, by `ingress` beside a module.
 */
export function tokenFlaws(raw: Raw, isOkapi: boolean): Flaw[] {
  const path = ['policy', 'tokens']
  const mode = get(raw, path)
  if (mode !== 'report' && mode !== 'enforce') return []
  const has = (...key: string[]) => get(raw, key) !== undefined
  if (isOkapi && has('ingress') && !has('egress', 'modules')) {
    const message =
      '`policy.tokens` without `egress.modules`: the sidecar never sees which tokens Okapi sends, so every token is unknown'
    return [{ path, message, hint: 'set egress.modules, by which Okapi calls its modules' }]
  }
  if (!isOkapi && has('migration')) {
    const message =
      '`policy.tokens` beside `migration`: tokens that come by that listener are not remembered, because any listed host may have sent them'
    return [{ path, message, hint: 'leave tokens off here until the module is moved over' }]
  }
  return []
}
