import { isTenantName } from '../folio/tenant.ts'
import type { OkapiStep } from '../policy/okapi-step.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { type Head, LINE } from '../wire/head.ts'
import type { TenantsBrought } from './brought-tenants.ts'
import * as headers from './headers.ts'
import { NAME } from './names.ts'
import { invokedTenant, tenantMismatch } from './path.ts'
import type { RequestContext } from './request-context.ts'

/**
 * Finds the tenant that Okapi will take: of `/_/invoke/tenant/{t}/`, else the header, else the
 * token's claim, else supertenant (ProxyService.parseTokenAndPopulateContext). A module uses the
 * header, and passes the token on. What is not a tenant name is refused in every mode: for Okapi
 * `diku, supertenant` in one line is one tenant, for a module two.
 */
export function findTenant(context: RequestContext, head: Head): Refusal | null {
  const { listener } = context
  if (!listener.judgesTenant) return null
  const atModule = listener.answerer === 'module'
  const invoked = atModule ? undefined : invokedTenant(head.bytes, context.start, head.pathEnd)
  const line = head.find(NAME.tenant)
  if (invoked !== undefined) {
    if (line !== -1) {
      if (head.value(line) !== invoked) return tenantMismatch()
      // Okapi adds its own (ProxyService.redirectProxy), and the module would get both.
      head.action[line] = LINE.hop
    }
    context.tenant = invoked
    return isTenantName(invoked) ? null : malformedTenant('the path', invoked)
  }
  if (line !== -1) {
    const { tenant = '' } = context
    return isTenantName(tenant) ? null : malformedTenant('X-Okapi-Tenant', tenant)
  }
  const { form, tenant } = headers.claims(head, listener.request)
  // A module reads no tenant from it; and Basic authentication, for example for metrics, is not an
  // Okapi token.
  if (form === 'unreadable' && !atModule) return unreadable()
  context.tenant = tenant ?? listener.impliedTenant
  return tenant === undefined || isTenantName(tenant) ? null : malformedTenant('the token', tenant)
}

/**
 * Compares the tenant with the token and with what the caller serves, after policy has allowed the
 * call. Okapi's calls to a module are not judged: they define what the module serves.
 */
export function guardTenant(
  context: RequestContext,
  head: Head,
  brought: TenantsBrought,
): Refusal | null {
  const { listener, authorizer, decision, tenant } = context
  if (decision?.allow !== true || tenant === undefined) return null
  const { tenants } = authorizer
  if (!listener.judgesTenant) {
    if (!decision.health) noteBrought(context, head, decision.step, brought)
    return null
  }
  if (tenants.mode === 'off') return null
  const { tenant: claim } = headers.claims(head, listener.request)
  const refusal = tenants.judge(tenant, claim, decision, brought)
  return refusal === null ? null : context.found(refusal, tenants.mode)
}

function noteBrought(
  context: RequestContext,
  head: Head,
  { auth, handled, system }: OkapiStep,
  brought: TenantsBrought,
): void {
  const { at, tenant = '', authorizer, listener } = context
  brought.bring(at, tenant)
  // Tokens in calls to an auth filter are not verified yet, so any caller could fill the table with
  // them.
  if (!authorizer.tenants.notesCrossings || (auth && !handled && !system)) return
  const { tenant: claim } = headers.claims(head, listener.request)
  if (claim !== undefined && claim !== tenant) brought.bringAcross(at, claim, tenant)
}

/** What is not a tenant name; `where`: what names it. */
export function malformedTenant(where: string, tenant: string): Refusal {
  const shown = JSON.stringify(tenant.slice(0, 64))
  const because = `${where} names ${shown}, which is not a tenant name`
  return refuse('tenant-not-allowed', because, {
    wouldAllow: 'one name of 1 to 64 ASCII letters, digits, - and _',
  })
}

/** Okapi reads the tenant from it, or answers 400 (okapi-common OkapiToken). */
function unreadable(): Refusal {
  const because = 'X-Okapi-Tenant is missing, and the token beside it cannot be read'
  return refuse('tenant-not-allowed', because, { wouldAllow: 'X-Okapi-Tenant' })
}
