import { hasAuthFilter, methodIndex } from '../folio/descriptor.ts'
import { isOrdinaryTenant } from '../folio/tenant.ts'
import { isAdministration } from './administration.ts'
import { BaseAuthorizer } from './base-authorizer.ts'
import type { Caller } from './caller.ts'
import {
  type Allow,
  allow,
  DEFAULT_RULE,
  type Decision,
  type Deny,
  declaredIn,
  deny,
  denyRedirect,
  type PolicyRequest,
  printable,
} from './decision.ts'
import { type InstalledModule, idOf } from './descriptors.ts'
import { highestSensitivity, type PolicyModel, quarantineOf } from './model.ts'
import { NO_HIT, type RouteTable } from './route-table.ts'
import { mayAnswer, type Route, statusOfUndeclared } from './routes.ts'

/** What the migration listener serves: the routes among which its requests are looked up. */
export interface MigrationTarget {
  /** The module that answers; null at Okapi. */
  readonly module: InstalledModule | null
  /** At Okapi X-Okapi-Module-Id picks the table of a `multiple` interface. */
  tableFor(moduleId: string | undefined): RouteTable<Route> | undefined
}

/**
 * The migration listener, for callers that have no sidecar yet and prove no identity: the only
 * exception to trust rule 1. Only ordinary declared routes: no `/_/`, no system route, no filter,
 * no module with an `auth` filter, no highly sensitive interface, no supertenant. Grants and report
 * mode do not apply.
 */
export class MigrationAuthorizer extends BaseAuthorizer {
  readonly #target: MigrationTarget

  constructor(model: PolicyModel, caller: Caller, at: string, target: MigrationTarget) {
    super(model, caller, at)
    this.#target = target
  }

  protected override get ingress(): string {
    return this.at
  }

  protected override findBlanketDenial(): Deny | undefined {
    const { module } = this.#target
    if (module === null || !hasAuthFilter(module.descriptor)) return undefined
    return this.denyCaller('the migration listener never serves a module with an auth filter')
  }

  protected override decideRequest(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
  ): Decision {
    if (isAdministration(bytes, start, end))
      return this.#never(method, printable(bytes, start, end))
    const table = this.#target.tableFor(moduleId)
    const index = methodIndex(method)
    const hit = table === undefined ? NO_HIT : table.find(bytes, start, end, 1 << index)
    if (table === undefined || hit === NO_HIT) {
      const atOkapi = this.#target.module === null
      const status = atOkapi ? statusOfUndeclared(this.model.routes, bytes, start, end) : 403
      return this.#undeclared(method, printable(bytes, start, end), moduleId, status)
    }
    const known = this.cache.get(table, hit, NO_HIT, index)
    const decision = known ?? this.#decideRoutes(method, table.routes(hit))
    if (known === undefined) this.cache.keep(table, hit, NO_HIT, index, decision)
    if (!decision.allow || tenant === undefined || isOrdinaryTenant(tenant)) return decision
    return this.#tenantRefused(method, decision, tenant)
  }

  #decideRoutes(method: string, matching: readonly Route[]): Decision {
    const bit = 1 << methodIndex(method)
    const atOkapi = this.#target.module === null
    const routes = atOkapi
      ? mayAnswer(matching, bit)
      : matching.filter(({ mask }) => (mask & bit) !== 0)
    const redirect = denyRedirect(routes, { ...this.emptyRequest(), method })
    if (redirect !== undefined) return redirect
    const [first] = routes
    const asked = this.#about(method, first!)
    const closed = (why: string) => deny(asked, 'caller-not-allowed', why, { wouldAllow: SIDECAR })
    if (routes.some(({ kind }) => kind !== 'handler')) {
      return closed(
        'a system route or a filter handles it, which the migration listener never serves',
      )
    }
    if (routes.some(({ module }) => hasAuthFilter(module.descriptor))) {
      return closed(`${declaredIn(first!)}, which has an auth filter`)
    }
    if (highestSensitivity(this.model, routes) === 'high') {
      return closed(`${declaredIn(first!)}, and its sensitivity is high`)
    }
    const quarantine = this.#quarantined(routes)
    if (quarantine !== undefined) return deny(asked, 'quarantined', quarantine)
    const { module } = this.#target
    const why = `${declaredIn(first!, routes.length - 1)}; it came by the migration listener, without proof of identity`
    const rule =
      module === null
        ? DEFAULT_RULE
        : { kind: 'own' as const, file: module.file, pointer: first!.pointer }
    return allow(asked, rule, why, { sensitivity: highestSensitivity(this.model, routes) })
  }

  /** As for every other caller: refused if every module that may answer is in quarantine. */
  #quarantined(routes: readonly Route[]): string | undefined {
    const ms = this.model.now()
    const entries = routes.map(({ module }) => quarantineOf(this.model, idOf(module), ms))
    const [entry] = entries
    if (entry === undefined || entries.includes(undefined)) return undefined
    return `${declaredIn(routes[0]!)}, which is in quarantine: ${entry.why}`
  }

  #tenantRefused(method: string, decision: Allow, tenant: string): Deny {
    const why = 'is not allowed at the migration listener'
    return this.denyTenant(method, tenant, decision, why, 'another tenant')
  }

  #never(method: string, path: string): Deny {
    const asked: PolicyRequest = { ...this.emptyRequest(), method, path }
    if (this.#target.module === null) {
      const why =
        'Okapi’s administration is never open at the migration listener, even with a grant'
      return deny(asked, 'admin-route', why, { wouldAllow: SIDECAR })
    }
    return deny(asked, 'caller-not-allowed', 'the migration listener never serves /_/')
  }

  #undeclared(method: string, path: string, moduleId: string | undefined, status: number): Deny {
    const named =
      moduleId === undefined ? '' : ` as \`multiple\` of ${moduleId.slice(0, 100)}, which it names`
    const why =
      this.#target.module === null
        ? `no installed module declares it${named}`
        : `the descriptor of ${this.at} does not declare it`
    return this.denyUndeclared({ ...this.emptyRequest(), method, path }, why, () => null, status)
  }

  #about(method: string, route: Route): PolicyRequest {
    return { caller: this.name, at: this.at, method, path: route.pattern.text, route }
  }
}

const SIDECAR = 'the same call through a sidecar of its own'
