import { productOf } from '../folio/module-id.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { type Caller, callerName, isNamed, speaksAsOkapi } from './caller.ts'
import { crossingText, mayCross, proposedCrossing } from './consortia.ts'
import type { Allow, LineMode } from './decision.ts'
import { type Crosses, opensText, proposedGrant } from './grants.ts'
import type { PolicyModel } from './model.ts'
import type { Rights } from './rights.ts'
import { type TenantRule, tenantRuleFor } from './tenant-rules.ts'
import { isInterfaceListed, TOKEN_GIVERS, traitsOf } from './traits.ts'

/** The tenants and tokens with which Okapi has called modules since the sidecar started. */
export interface BroughtTenants {
  /** Has Okapi called the module for this tenant? */
  has(moduleId: string, tenant: string): boolean
  /** Has Okapi called it for tenant `to` with a token of tenant `from`? */
  crossed(moduleId: string, from: string, to: string): boolean
}

/**
 * The second line behind mod-authtoken, for one caller at one ingress: for which tenant it may act,
 * with a token of which tenant. Tokens are read and not verified. It does not apply to Okapi
 * itself.
 */
export class TenantGuard {
  readonly mode: LineMode
  /** Is it needed which modules Okapi calls for one tenant with the token of another? */
  readonly notesCrossings: boolean
  readonly #model: PolicyModel
  readonly #caller: Caller
  readonly #name: string
  readonly #at: string
  readonly #atOkapi: boolean
  readonly #rights: () => Rights
  readonly #rule: TenantRule | undefined

  constructor(model: PolicyModel, caller: Caller, at: string, rights: () => Rights) {
    this.#model = model
    this.#caller = caller
    this.#name = callerName(caller)
    this.#at = at
    this.#atOkapi = productOf(at) === 'okapi'
    this.#rights = rights
    this.#rule = tenantRuleFor(model.tenants.of, caller)
    this.mode = speaksAsOkapi(caller) ? 'off' : (this.#rule?.mode ?? model.tenants.mode)
    const { grants, tenants } = model
    this.notesCrossings =
      tenants.consortia.list.length > 0 || grants.some(({ opens }) => opens.kind === 'cross')
  }

  /**
   * Why the caller may not act for `tenant`, null if it may. `claim`: the tenant of the request's
   * token, undefined without a readable one. `allowed`: the policy's decision. Called after policy,
   * for the same request; allocates nothing if the answer is null.
   */
  judge(
    tenant: string,
    claim: string | undefined,
    allowed: Allow,
    brought: BroughtTenants,
  ): Refusal | null {
    // Metrics and the like have no tenant, and Okapi answers preflights itself.
    if (tenant === '' || (allowed.provider === null && allowed.rule.kind === 'default')) return null
    return (
      this.#outside(tenant, allowed, brought) ??
      (claim === undefined || claim === tenant ? null : this.#crossing(claim, tenant, brought)) ??
      (claim === undefined ? this.#withoutToken(tenant, allowed, brought) : null)
    )
  }

  /** For which tenants it may use what policy allows, as short text. */
  get reach(): readonly string[] {
    if (this.mode !== 'enforce')
      return ['all tenants, with any token: policy.tenants only tells, or is off']
    const { consortia } = this.#model.tenants
    const tenants = this.#rule?.tenants ?? 'all'
    const which =
      tenants === 'all'
        ? 'all tenants, in each with a token of that tenant'
        : tenants === 'serving'
          ? 'tenants for which Okapi calls it, with their tokens'
          : `tenants ${[...tenants, ...this.#rights().tenants].join(', ')}, with their tokens`
    const rules = consortia.rules.filter(({ caller }) => isNamed(caller, this.#caller))
    return [
      which,
      ...rules.map((rule) => `it may cross: ${crossingText(rule)}`),
      ...this.#rights().crosses.map((opens) => `a grant: ${opensText(opens)}`),
    ]
  }

  /** A tenant that the rule for this caller does not list. */
  #outside(tenant: string, allowed: Allow, brought: BroughtTenants): Refusal | null {
    const tenants = this.#rule?.tenants ?? 'all'
    if (tenants === 'all' || this.#rights().tenants.has(tenant)) return null
    if (tenants !== 'serving') {
      if (tenants.has(tenant)) return null
      return this.#notFor(tenant, `policy.tenantsOf lets it act for ${[...tenants].join(', ')}`)
    }
    if (this.#serves(tenant, brought) || this.#givesTokens(allowed)) return null
    return this.#notFor(
      tenant,
      `policy.tenantsOf lets it act for tenants that it serves; ${NOT_YET}`,
    )
  }

  #crossing(claim: string, tenant: string, brought: BroughtTenants): Refusal | null {
    const { consortia } = this.#model.tenants
    const way = consortia.relationBetween(claim, tenant)
    if (way !== undefined && mayCross(consortia, this.#caller, way)) return null
    if (covered(this.#rights().crosses, claim, tenant)) return null
    if (this.#passesOn(claim, tenant, way !== undefined, brought)) return null
    const why =
      way === undefined
        ? `no consortium has both, and no grant lets it cross`
        : `no rule lets it cross ${way.crossing} in the consortium of ${way.central}`
    const shown = shownTenant(claim)
    const grant = proposedGrant(this.#name, this.#at, `cross: {from: [${shown}], to: [${tenant}]}`)
    const rule = way === undefined ? '' : `${proposedCrossing(this.#caller, way)}; or `
    const because = `${this.#name} may not act for tenant ${tenant} with a token of tenant ${shown}: ${why}`
    return refuse('tenant-mismatch', because, {
      wouldAllow: `a token of ${tenant}; ${rule}${grant}`,
    })
  }

  /**
   * A module that Okapi calls for one tenant with the token of another passes that token on in its
   * own calls: the first caller was allowed to cross, and this one only follows.
   */
  #passesOn(from: string, to: string, together: boolean, brought: BroughtTenants): boolean {
    if (this.#caller.kind !== 'module' || !this.#atOkapi) return false
    if (!brought.crossed(this.#caller.id, from, to)) return false
    const ms = this.#model.now()
    return (
      together ||
      this.#model.grants.some(
        ({ opens, untilMs }) =>
          opens.kind === 'cross' && untilMs > ms && covered([opens], from, to),
      )
    )
  }

  #withoutToken(tenant: string, allowed: Allow, brought: BroughtTenants): Refusal | null {
    if (this.#caller.kind !== 'module' || !this.#atOkapi) return null
    const { tenants = 'all', withoutToken = this.#model.tenants.withoutToken } = this.#rule ?? {}
    if (withoutToken === 'any' || (typeof tenants !== 'string' && tenants.has(tenant))) return null
    if (this.#rights().tenants.has(tenant) || this.#serves(tenant, brought)) return null
    if (this.#givesTokens(allowed)) return null
    const because = `${this.#name} may not call for tenant ${tenant} without a token: ${NOT_YET}`
    return refuse('tenant-not-allowed', because, {
      wouldAllow: `a token of ${tenant}; or {caller: ${this.#name}, tenants: [${tenant}], why} in policy.tenantsOf`,
    })
  }

  /** Past Okapi this is unknown: only other sidecars see Okapi's calls. */
  #serves(tenant: string, brought: BroughtTenants): boolean {
    return this.#caller.kind === 'module' && this.#atOkapi && brought.has(this.#caller.id, tenant)
  }

  /** A caller that logs in has no token yet, and uses a password. */
  #givesTokens({ interface: provided, provider }: Allow): boolean {
    if (provided === null || provider === null) return false
    if (!isInterfaceListed(TOKEN_GIVERS, provided.id)) return false
    const module = this.#model.set.modules.get(provider)
    return module !== undefined && traitsOf(module.descriptor).keepsTokens
  }

  #notFor(tenant: string, why: string): Refusal {
    const because = `${this.#name} may not act for tenant ${tenant}: ${why}`
    const grant = proposedGrant(this.#name, this.#at, `tenants: [${tenant}]`)
    return refuse('tenant-not-allowed', because, {
      wouldAllow: `${tenant} in policy.tenantsOf; or ${grant}`,
    })
  }
}

const NOT_YET = 'Okapi has not called it for that tenant since the start'

function covered(crosses: readonly Crosses[], from: string, to: string): boolean {
  return crosses.some((one) => one.from.has(from) && one.to.has(to))
}

/** A claim is chosen by the sender of the token. */
function shownTenant(claim: string): string {
  const text = claim.length > 64 ? `${claim.slice(0, 64)}...` : claim
  return /^[\w-]+(\.\.\.)?$/.test(text) ? text : JSON.stringify(text)
}
