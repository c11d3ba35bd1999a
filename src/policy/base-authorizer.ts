import { OTHER_METHOD } from '../folio/descriptor.ts'
import { productOf } from '../folio/module-id.ts'
import { type Caller, callerName } from './caller.ts'
import {
  type Allow,
  type Decision,
  type Deny,
  deny,
  denyBecause,
  type PolicyRequest,
} from './decision.ts'
import { nearestModule } from './descriptors.ts'
import { nextChange, type PolicyModel, quarantineOf } from './model.ts'
import { allowedIn, type ExceptionTable, exceptionsAt, exceptionTable } from './path-exceptions.ts'
import type { Authorizer } from './policy.ts'
import { gatherRights, type Rights } from './rights.ts'
import { NO_HIT, PASSING_HIT } from './route-table.ts'
import { TenantGuard } from './tenant-guard.ts'
import type { TokenSources } from './token-sources.ts'

/** What both kinds of ingress share: dates, quarantine, callers that are always refused. */
export abstract class BaseAuthorizer implements Authorizer {
  protected readonly model: PolicyModel
  protected readonly caller: Caller
  protected readonly name: string
  protected readonly at: string
  protected readonly cache = new DecisionCache()
  protected rights: Rights
  /** The fixed answer to every request, if there is one. */
  protected blanketDenial: Deny | undefined
  readonly tenants: TenantGuard
  readonly #exceptions: ExceptionTable
  #validUntilMs = 0

  constructor(model: PolicyModel, caller: Caller, at: string) {
    this.model = model
    this.caller = caller
    this.name = callerName(caller)
    this.at = at
    this.#exceptions = exceptionTable(exceptionsAt(model.pathExceptions, at))
    this.rights = gatherRights(model, caller, at, 0)
    this.tenants = new TenantGuard(model, caller, at, () => this.rights)
  }

  get open(): boolean {
    if (this.#validUntilMs !== Number.POSITIVE_INFINITY) this.#lookAtClock()
    return this.blanketDenial === undefined
  }

  decide(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
    preflight = false,
  ): Decision {
    // Without a coming date the clock is not read.
    if (this.#validUntilMs !== Number.POSITIVE_INFINITY) this.#lookAtClock()
    if (this.blanketDenial !== undefined) return this.blanketDenial
    return this.decideRequest(method, bytes, start, end, tenant, moduleId, preflight)
  }

  get tokens(): TokenSources {
    if (this.#validUntilMs !== Number.POSITIVE_INFINITY) this.#lookAtClock()
    return this.rights.tokens
  }

  pathExceptions(bytes: Uint8Array, start: number, end: number): readonly string[] {
    return allowedIn(this.#exceptions, bytes, start, end)
  }

  protected abstract decideRequest(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
    preflight: boolean,
  ): Decision

  /** Why this caller is always refused, apart from quarantine. */
  protected abstract findBlanketDenial(): Deny | undefined

  /** The rights a caller gathers here. */
  protected abstract get ingress(): string

  #lookAtClock(): void {
    const ms = this.model.now()
    if (ms < this.#validUntilMs) return
    this.#validUntilMs = nextChange(this.model, ms)
    this.rights = gatherRights(this.model, this.caller, this.ingress, ms)
    this.cache.clear()
    this.blanketDenial = this.#quarantined(ms) ?? this.findBlanketDenial()
  }

  #quarantined(ms: number): Deny | undefined {
    const ids = [this.caller.kind === 'module' ? this.caller.id : undefined, this.at]
    for (const id of ids) {
      const entry = id === undefined ? undefined : quarantineOf(this.model, id, ms)
      if (entry === undefined) continue
      const because = `${this.name} may not call ${this.at}: ${id} is in quarantine, ${entry.why}`
      return denyBecause(this.emptyRequest(), 'quarantined', because)
    }
    return undefined
  }

  /** The subject of a decision about the caller as such. */
  protected emptyRequest(): PolicyRequest {
    return { caller: this.name, at: this.at, method: '', path: '', route: null }
  }

  protected denyCaller(why: string, wouldAllow?: string, nearest: string | null = null): Deny {
    const hint = nearest === null ? '' : `; the nearest name is ${nearest}`
    const because = `${this.name} may not call ${this.at}: ${why}${hint}`
    return denyBecause(this.emptyRequest(), 'caller-not-allowed', because, {
      ...(wouldAllow === undefined ? {} : { wouldAllow }),
      nearest: () => nearest,
    })
  }

  /** `decision` for a tenant that the caller may not act for; null: none was made. */
  protected denyTenant(
    method: string,
    tenant: string,
    decision: Allow | null,
    why: string,
    wouldAllow: string,
  ): Deny {
    const path = decision?.routePattern ?? '/_/invoke/tenant/{tenantId}/*'
    const text = tenant.length > 64 ? `${tenant.slice(0, 64)}...` : tenant
    const because = `tenant ${text}, named or implied, ${why}`
    const asked: PolicyRequest = { ...this.emptyRequest(), method, path }
    const made = deny(asked, 'tenant-not-allowed', because, { wouldAllow })
    if (decision === null) return made
    const { provider, interface: provided, route, routePattern } = decision
    return { ...made, provider, interface: provided, route, routePattern }
  }

  /** For callers without an installed descriptor: what they may do is unknown. */
  protected unknownModule(): Deny | undefined {
    const { caller, model } = this
    if (caller.kind !== 'module' || model.set.modules.has(caller.id)) return undefined
    const nearest = nearestModule(caller.id, model.set.modules.keys())
    const wouldAllow = `put the descriptor of ${caller.id} into the folder of descriptors`
    return this.denyCaller('no descriptor of it is installed', wouldAllow, nearest)
  }

  protected denyUndeclared(
    asked: PolicyRequest,
    why: string,
    nearest: () => string | null,
    status = 403,
  ): Deny {
    return deny(asked, 'route-not-declared', why, { nearest, status })
  }
}

/** Is this the name of Okapi's ingress: `okapi`, or the full id of an Okapi? */
export function isOkapiIngress(at: string): boolean {
  return productOf(at) === 'okapi'
}

const METHOD_SLOTS = OTHER_METHOD + 1
const GRANT_SLOTS = 2 ** 20

/**
 * Cached decisions, by table, hit, granted paths and method. All of these are small numbers that
 * the policy assigns, so a caller cannot make the cache larger than the policy.
 */
class DecisionCache {
  readonly #tables = new Map<object, Map<number, Decision>>()

  get(table: object, hit: number, granted: number, method: number): Decision | undefined {
    return this.#tables.get(table)?.get(key(hit, granted, method))
  }

  /**
   * Caches a decision if possible: not for unknown methods, because the sentence contains their
   * name.
   */
  keep(table: object, hit: number, granted: number, method: number, decision: Decision): void {
    if (hit === PASSING_HIT || granted === PASSING_HIT || method === OTHER_METHOD) return
    let decisions = this.#tables.get(table)
    if (decisions === undefined) {
      decisions = new Map()
      this.#tables.set(table, decisions)
    }
    decisions.set(key(hit, granted, method), decision)
  }

  clear(): void {
    this.#tables.clear()
  }
}

/**
 * Without granted paths, which is nearly always, it is a small integer: V8 looks those up faster.
 */
function key(hit: number, granted: number, method: number): number {
  const place = (hit + 1) * METHOD_SLOTS + method
  return granted === NO_HIT ? -1 - place : place * GRANT_SLOTS + granted + 1
}
