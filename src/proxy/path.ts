import type { Authorizer } from '../policy/policy.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Head } from '../wire/head.ts'
import { describeOddities, EXCEPTABLE, oddities } from '../wire/target.ts'

const INVOKE = Buffer.from('/_/invoke/tenant/')

/**
 * Refuses a path that two readers could understand differently. An operator's exceptions for this
 * path pass, but never a dot segment or a broken `%`.
 */
export function ambiguous(head: Head, start: number, authorizer: Authorizer): Refusal | null {
  const odd = oddities(head.bytes, start, head.pathEnd)
  if (odd === 0) return null
  let left = odd
  for (const token of authorizer.pathExceptions(head.bytes, start, head.pathEnd)) {
    left &= ~(EXCEPTABLE[token] ?? 0)
  }
  if (left === 0) return null
  return refuse('ambiguous-target', `the path holds ${describeOddities(left)}`, {
    wouldAllow: 'a path without it, or policy.pathExceptions where an API needs it',
  })
}

/** The tenant in `/_/invoke/tenant/{t}/…`, undefined for every other path. */
export function invokedTenant(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start <= INVOKE.length) return undefined
  if (bytes.compare(INVOKE, 0, INVOKE.length, start, start + INVOKE.length) !== 0) return undefined
  const from = start + INVOKE.length
  const slash = bytes.indexOf(0x2f, from)
  return slash === -1 || slash >= end ? undefined : bytes.toString('latin1', from, slash)
}

/** The refusal of a caller that names one tenant in the path and another in the header. */
export function tenantMismatch(): Refusal {
  return refuse('tenant-mismatch', 'X-Okapi-Tenant differs from the tenant in /_/invoke/tenant/')
}
