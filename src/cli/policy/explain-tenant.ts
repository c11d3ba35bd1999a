import { fault } from '../../fault.ts'
import { isTenantName } from '../../folio/tenant.ts'
import type { Decision } from '../../policy/decision.ts'
import type { Authorizer } from '../../policy/policy.ts'
import type { BroughtTenants } from '../../policy/tenant-guard.ts'

/** The options of `explain` about the token of a request. */
export interface TokenAsked {
  /** The tenant that the token names, `none` for no token; undefined: the tenant of the request. */
  readonly tokenTenant: string | undefined
  /** Has Okapi called the caller for the tenant, with such a token, since the start? */
  readonly serving: boolean
}

/** Reads `--token-tenant` and `--serving`. Throws a Fault. */
export function tokenAsked(tokenTenant: string | undefined, serving: boolean): TokenAsked {
  if (tokenTenant !== undefined && !isTenantName(tokenTenant)) {
    throw fault(`--token-tenant ${JSON.stringify(tokenTenant)} is not a tenant name`, {
      hint: 'none stands for a call without a token',
    })
  }
  return { tokenTenant, serving }
}

/** The decision after comparing the tenant with the token, as in the proxy. */
export function guarded(
  judge: Authorizer,
  decision: Decision,
  tenant: string | undefined,
  { tokenTenant, serving }: TokenAsked,
): Decision {
  const { tenants } = judge
  if (!decision.allow || tenant === undefined || tenants.mode === 'off') return decision
  const brought: BroughtTenants = { has: () => serving, crossed: () => serving }
  const claim = tokenTenant === 'none' ? undefined : (tokenTenant ?? tenant)
  const refusal = tenants.judge(tenant, claim, decision, brought)
  if (refusal === null) return decision
  const { because } = refusal
  if (tenants.mode === 'report') {
    return { ...decision, wouldRefuse: refusal, because: `${because}; report mode lets it pass` }
  }
  return { ...decision, allow: false, refusal, rule: null, because, nearest: null }
}
