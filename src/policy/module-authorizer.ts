import { hasAuthFilter, methodIndex } from '../folio/descriptor.ts'
import { isOrdinaryTenant, SUPERTENANT } from '../folio/tenant.ts'
import { BaseAuthorizer } from './base-authorizer.ts'
import { type Caller, speaksAsOkapi } from './caller.ts'
import {
  type Allow,
  allow,
  DEFAULT_RULE,
  type Decision,
  type Deny,
  deny,
  denyBecause,
  type PolicyRequest,
  printable,
  type Rule,
} from './decision.ts'
import { type InstalledModule, nearestModule } from './descriptors.ts'
import { opensText, proposedGrant } from './grants.ts'
import { highestSensitivity, type PolicyModel, sensitivityOf } from './model.ts'
import { stepOf } from './okapi-step.ts'
import { type Entitlement, entitlementByGrant, entitlementsFor } from './rights.ts'
import { NO_HIT, type RouteTable } from './route-table.ts'
import type { Route } from './routes.ts'

const SLASH = 0x2f
const QUESTION_MARK = 0x3f
const KINDS: readonly Route['kind'][] = ['handler', 'system', 'filter']

/** A module's ingress: Okapi may call what the module's own descriptor declares. */
export class ModuleAuthorizer extends BaseAuthorizer {
  readonly #module: InstalledModule
  readonly #routes: RouteTable<Route>
  readonly #fromOkapi: boolean
  readonly #health = allow(
    { ...this.emptyRequest(), method: 'GET', path: '/' },
    DEFAULT_RULE,
    'Okapi’s discovery asks for health, and the sidecar answers',
    { health: true },
  )

  constructor(
    model: PolicyModel,
    caller: Caller,
    at: string,
    module: InstalledModule,
    routes: RouteTable<Route>,
  ) {
    super(model, caller, at)
    this.#module = module
    this.#routes = routes
    this.#fromOkapi = speaksAsOkapi(caller)
  }

  protected override get ingress(): string {
    return this.at
  }

  protected override findBlanketDenial(): Deny | undefined {
    if (this.#fromOkapi) return undefined
    const { kind } = this.caller
    if (kind === 'none') return this.denyCaller('it proved no identity')
    if (hasAuthFilter(this.#module.descriptor)) {
      return this.denyCaller('only Okapi may call a module with an auth filter, even with a grant')
    }
    if (!this.rights.granted || kind === 'public') {
      return this.denyCaller(
        'only Okapi may, and no grant allows it',
        'the same call through Okapi',
      )
    }
    return this.unknownModule()
  }

  protected override decideRequest(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
  ): Decision {
    const decision = this.#decideRoute(method, bytes, start, end)
    if (this.#fromOkapi || tenant === undefined || !decision.allow) return decision
    return this.#mayActFor(tenant, decision)
      ? decision
      : this.#refuseTenant(method, tenant, decision)
  }

  #decideRoute(method: string, bytes: Uint8Array, start: number, end: number): Decision {
    const index = methodIndex(method)
    const hit = this.#routes.find(bytes, start, end, 1 << index)
    const granted = this.#fromOkapi ? NO_HIT : this.rights.paths.find(bytes, start, end, 1 << index)
    // Before the cache: a filter on `/*` matches this path too, but is not meant.
    if (this.#fromOkapi && isHealthQuestion(method, bytes, start, end) && this.#onlyFilters(hit)) {
      return this.#health
    }
    if (hit === NO_HIT && granted === NO_HIT) return this.#undeclared(method, bytes, start, end)
    const known = this.cache.get(this.#routes, hit, granted, index)
    if (known !== undefined) return known
    const bit = 1 << index
    const fitting = this.#routes.routes(hit).filter(({ mask }) => (mask & bit) !== 0)
    const ranked = KINDS.flatMap((kind) => fitting.filter((route) => route.kind === kind))
    const decision = this.#fromOkapi
      ? this.#okapiCalls(method, ranked)
      : this.#grantedCall(method, ranked, granted, printable(bytes, start, end))
    // The sentence contains the path as the caller chose it, so the decision is not cached.
    if (ranked.length > 0) this.cache.keep(this.#routes, hit, granted, index, decision)
    return decision
  }

  /**
   * For a call past Okapi nothing checks that the tenant exists, and its token is not verified. A
   * request without a tenant is fine for undeclared routes (metrics).
   */
  #mayActFor(tenant: string, { interface: provided }: Allow): boolean {
    if (tenant === '' && provided === null) return true
    if (tenant === '' || tenant === SUPERTENANT) return this.rights.supertenant
    return isOrdinaryTenant(tenant)
  }

  #refuseTenant(method: string, tenant: string, decision: Allow): Deny {
    const named = tenant === '' ? SUPERTENANT : tenant
    const why = 'is closed to it past Okapi without a grant'
    const grant = proposedGrant(this.name, this.at, `tenants: [${SUPERTENANT}]`)
    const wouldAllow = `X-Okapi-Tenant with another tenant, or ${grant}`
    return this.denyTenant(method, named, decision, why, wouldAllow)
  }

  #onlyFilters(hit: number): boolean {
    const bit = 1 << methodIndex('GET')
    return this.#routes
      .routes(hit)
      .every(({ kind, mask }) => kind === 'filter' || (mask & bit) === 0)
  }

  #okapiCalls(method: string, ranked: readonly Route[]): Decision {
    const route = ranked[0]!
    const asked = this.#about(method, route)
    const { file } = route.module
    const rule: Rule = {
      kind: route.kind === 'system' ? 'system' : 'own',
      file,
      pointer: route.pointer,
    }
    const sensitivity = sensitivityOf(this.model, route.interface)
    const system = route.kind === 'system'
    return allow(asked, rule, declares(route), { sensitivity, system, step: stepOf(ranked) })
  }

  #grantedCall(method: string, routes: readonly Route[], granted: number, path: string): Decision {
    const bit = 1 << methodIndex(method)
    const byPath = this.rights.paths
      .routes(granted)
      .filter(({ mask }) => (mask & bit) !== 0)
      .map(({ grant }) => entitlementByGrant(grant))
    const open = routes.filter(({ kind }) => kind === 'handler')
    const route = routes[0]
    if (routes.length !== open.length) {
      const why = 'only Okapi may call system routes and filters, even with a grant'
      return deny(this.#about(method, route!), 'caller-not-allowed', why)
    }
    if (route === undefined) return this.#beyondDescriptor(method, path, byPath)
    let chosen: Entitlement | undefined
    for (const each of open) {
      const high = sensitivityOf(this.model, each.interface) === 'high'
      const [entitlement] = entitlementsFor(this.rights, each, byPath, high)
      if (entitlement === undefined) {
        const opened = this.rights.grants.map(({ opens }) => opensText(opens)).join('; ')
        const why = `only Okapi may, and its grants here open something else: ${opened}`
        return deny(this.#about(method, each), 'caller-not-allowed', why)
      }
      chosen ??= entitlement
    }
    const { rule, grant } = chosen!
    const sensitivity = highestSensitivity(this.model, open)
    const why = `${declares(route)}, and a grant opens it (${grant?.why ?? ''})`
    return allow(this.#about(method, route), rule, why, { sensitivity })
  }

  /** Grants for people and outside systems may open undeclared routes, such as metrics. */
  #beyondDescriptor(method: string, path: string, [entitlement]: readonly Entitlement[]): Decision {
    const asked: PolicyRequest = { ...this.emptyRequest(), method, path }
    if (entitlement === undefined || this.caller.kind === 'module') {
      const why = `the descriptor of ${this.at} does not declare it`
      return this.denyUndeclared(asked, why, () => null)
    }
    const opens = entitlement.grant!.opens
    const pathPattern = opens.kind === 'route' ? opens.pattern.text : ''
    const methods = opens.kind === 'route' ? opens.methods : []
    const why = `a grant opens ${opensText(opens)} to it (${entitlement.grant!.why})`
    const made = allow(asked, entitlement.rule, why)
    return {
      ...made,
      provider: this.at,
      route: { methods, pathPattern },
      routePattern: pathPattern,
    }
  }

  #undeclared(method: string, bytes: Uint8Array, start: number, end: number): Deny {
    const path = printable(bytes, start, end)
    const asked: PolicyRequest = { ...this.emptyRequest(), method, path }
    const why = `the descriptor of ${this.at} does not declare it`
    return this.denyUndeclared(asked, why, () => {
      const raw = Buffer.from(path)
      const [other] = this.#routes.routes(this.#routes.find(raw, 0, raw.length, -1))
      return other === undefined ? null : `${other.methods.join(',')} ${other.pattern.text}`
    })
  }

  #about(method: string, route: Route): PolicyRequest {
    return { caller: this.name, at: this.at, method, path: route.pattern.text, route }
  }
}

/** The ingress of a module without an installed descriptor: refuses everything. */
export class UnknownModuleAuthorizer extends BaseAuthorizer {
  protected override get ingress(): string {
    return this.at
  }

  protected override findBlanketDenial(): Deny {
    // The same words as in the proxy (proxy/destination.ts), which looks up the module before it
    // asks policy.
    const because = `no descriptor of a module ${JSON.stringify(this.at.slice(0, 100))} is installed`
    return denyBecause(this.emptyRequest(), 'route-not-declared', because, {
      wouldAllow: 'its ModuleDescriptor in policy.descriptors of Okapi’s sidecar',
      nearest: () => nearestModule(this.at, this.model.set.modules.keys()),
    })
  }

  protected override decideRequest(): Decision {
    return this.findBlanketDenial()
  }
}

function declares(route: Route): string {
  const { id } = route.module.descriptor.id
  if (route.interface === null) return `${id} declares it as a filter`
  const as = route.kind === 'system' ? 'as a system interface, ' : ''
  return `${id} declares it ${as}in \`${route.interface.id}\` ${route.interface.version}`
}

/** `GET <url>` without a path and a query is all that Okapi's discovery asks. */
function isHealthQuestion(method: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (method !== 'GET' || bytes[end] === QUESTION_MARK) return false
  return end === start || (end - start === 1 && bytes[start] === SLASH)
}
