import { hasAuthFilter } from '../folio/descriptor.ts'
import { methodIndex } from '../folio/methods.ts'
import { isOrdinaryTenant } from '../folio/tenant.ts'
import { isAdministration } from './administration.ts'
import type { Caller } from './caller.ts'
import type { Allow, Decision, Deny } from './decision.ts'
import type { InstalledModule } from './descriptors.ts'
import { Door } from './door.ts'
import { refuseRedirect } from './redirect.ts'
import { NO_HIT, type RouteTable } from './route-table.ts'
import { mayAnswer, type Route } from './routes.ts'
import { type Asked, allow, BY_DEFAULT, deny, shown, standsIn } from './verdict.ts'
import { highestSensitivity, idOf, quarantineOf, type World } from './world.ts'

/** Where a plain door leads: the routes among which its requests are looked up. */
export interface Ground {
  /** The module that answers; null at Okapi. */
  readonly module: InstalledModule | null
  /** At Okapi X-Okapi-Module-Id picks the table of a `multiple` interface. */
  tableFor(moduleId: string | undefined): RouteTable<Route> | undefined
}

/**
 * The migration door, for callers that have no sidecar yet and prove nothing: the one exception to
 * trust rule 1. Ordinary declared routes and nothing else: no `/_/`, no system route, no filter, no
 * module with an `auth` filter, nothing that the operator called highly sensitive, no supertenant.
 * No grant and no report mode reaches it.
 */
export class PlainDoor extends Door {
  readonly #ground: Ground

  constructor(world: World, caller: Caller, at: string, ground: Ground) {
    super(world, caller, at)
    this.#ground = ground
  }

  protected override get place(): string {
    return this.at
  }

  protected override whyClosed(): Deny | undefined {
    const { module } = this.#ground
    if (module === null || !hasAuthFilter(module.descriptor)) return undefined
    return this.strange('the plain door never leads to a module with an auth filter')
  }

  protected override judge(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
  ): Decision {
    if (isAdministration(bytes, start, end)) return this.#never(method, shown(bytes, start, end))
    const table = this.#ground.tableFor(moduleId)
    const index = methodIndex(method)
    const hit = table === undefined ? NO_HIT : table.find(bytes, start, end, 1 << index)
    if (table === undefined || hit === NO_HIT) {
      return this.#undeclared(method, shown(bytes, start, end), moduleId)
    }
    const known = this.memory.get(table, hit, NO_HIT, index)
    const decision = known ?? this.#judgeRoutes(method, table.routes(hit))
    if (known === undefined) this.memory.keep(table, hit, NO_HIT, index, decision)
    if (!decision.allow || tenant === undefined || isOrdinaryTenant(tenant)) return decision
    return this.#tenantRefused(method, decision, tenant)
  }

  #judgeRoutes(method: string, matching: readonly Route[]): Decision {
    const bit = 1 << methodIndex(method)
    const atOkapi = this.#ground.module === null
    const routes = atOkapi
      ? mayAnswer(matching, bit)
      : matching.filter(({ mask }) => (mask & bit) !== 0)
    const redirect = refuseRedirect(routes, { ...this.nothing(), method })
    if (redirect !== undefined) return redirect
    const [first] = routes
    const asked = this.#about(method, first!)
    const closed = (why: string) => deny(asked, 'caller-not-allowed', why, { wouldAllow: SIDECAR })
    if (routes.some(({ kind }) => kind !== 'handler')) {
      return closed('a system route or a filter takes it, which the plain door never leads to')
    }
    if (routes.some(({ module }) => hasAuthFilter(module.descriptor))) {
      return closed(`${standsIn(first!)}, which has an auth filter`)
    }
    if (highestSensitivity(this.world, routes) === 'high') {
      return closed(`${standsIn(first!)}, and its sensitivity is high`)
    }
    const quarantine = this.#quarantined(routes)
    if (quarantine !== undefined) return deny(asked, 'quarantined', quarantine)
    const { module } = this.#ground
    const why = `${standsIn(first!, routes.length - 1)}; the plain door is open, nobody proved anything`
    const rule =
      module === null
        ? BY_DEFAULT
        : { kind: 'own' as const, file: module.file, pointer: first!.pointer }
    return allow(asked, rule, why, { sensitivity: highestSensitivity(this.world, routes) })
  }

  /** As for every other caller: refused where every module that may answer is in quarantine. */
  #quarantined(routes: readonly Route[]): string | undefined {
    const ms = this.world.now()
    const entries = routes.map(({ module }) => quarantineOf(this.world, idOf(module), ms))
    const [entry] = entries
    if (entry === undefined || entries.includes(undefined)) return undefined
    return `${standsIn(routes[0]!)}, which is in quarantine: ${entry.why}`
  }

  #tenantRefused(method: string, decision: Allow, tenant: string): Deny {
    const why = 'is closed to the plain door'
    return this.tenantRefused(method, tenant, decision, why, 'another tenant')
  }

  #never(method: string, path: string): Deny {
    const asked: Asked = { ...this.nothing(), method, path }
    if (this.#ground.module === null) {
      const why = 'Okapi’s administration is closed to the plain door, whatever the grant'
      return deny(asked, 'admin-route', why, { wouldAllow: SIDECAR })
    }
    return deny(asked, 'caller-not-allowed', 'the plain door never leads to /_/')
  }

  #undeclared(method: string, path: string, moduleId: string | undefined): Deny {
    const named =
      moduleId === undefined ? '' : ` as \`multiple\` of ${moduleId.slice(0, 100)}, which it names`
    const why =
      this.#ground.module === null
        ? `no installed module declares it${named}`
        : `the descriptor of ${this.at} does not declare it`
    return this.undeclared({ ...this.nothing(), method, path }, why, () => null)
  }

  #about(method: string, route: Route): Asked {
    return { caller: this.name, at: this.at, method, path: route.pattern.text, route }
  }
}

const SIDECAR = 'the same call through a sidecar of its own'
