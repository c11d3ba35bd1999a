import { productOf } from '../folio/module-id.ts'
import { type Caller, callerName } from './caller.ts'
import type { Allow, Decision, Deny } from './decision.ts'
import { Memory } from './memory.ts'
import { nearestName } from './nearest.ts'
import { allowedIn, type ExceptionTable, exceptionsAt, exceptionTable } from './path-exceptions.ts'
import type { Authorizer } from './policy.ts'
import { gatherRights, type Rights } from './rights.ts'
import { type Asked, deny, denyWith } from './verdict.ts'
import { nextChange, quarantineOf, type World } from './world.ts'

/** What both kinds of ingress share: dates, quarantine, callers that are refused whatever they ask. */
export abstract class Door implements Authorizer {
  protected readonly world: World
  protected readonly caller: Caller
  protected readonly name: string
  protected readonly at: string
  protected readonly memory = new Memory()
  protected rights: Rights
  /** The answer to everything, where there is one. */
  protected closed: Deny | undefined
  readonly #exceptions: ExceptionTable
  #validUntilMs = 0

  constructor(world: World, caller: Caller, at: string) {
    this.world = world
    this.caller = caller
    this.name = callerName(caller)
    this.at = at
    this.#exceptions = exceptionTable(exceptionsAt(world.pathExceptions, at))
    this.rights = gatherRights(world, caller, at, 0)
  }

  get open(): boolean {
    if (this.#validUntilMs !== Number.POSITIVE_INFINITY) this.#lookAtClock()
    return this.closed === undefined
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
    // Where no date is in sight the clock is not read.
    if (this.#validUntilMs !== Number.POSITIVE_INFINITY) this.#lookAtClock()
    if (this.closed !== undefined) return this.closed
    return this.judge(method, bytes, start, end, tenant, moduleId, preflight)
  }

  pathExceptions(bytes: Uint8Array, start: number, end: number): readonly string[] {
    return allowedIn(this.#exceptions, bytes, start, end)
  }

  protected abstract judge(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
    preflight: boolean,
  ): Decision

  /** Why this caller is refused whatever it asks, quarantine aside. */
  protected abstract whyClosed(): Deny | undefined

  /** The rights a caller gathers here. */
  protected abstract get place(): string

  #lookAtClock(): void {
    const ms = this.world.now()
    if (ms < this.#validUntilMs) return
    this.#validUntilMs = nextChange(this.world, ms)
    this.rights = gatherRights(this.world, this.caller, this.place, ms)
    this.memory.clear()
    this.closed = this.#quarantined(ms) ?? this.whyClosed()
  }

  #quarantined(ms: number): Deny | undefined {
    const ids = [this.caller.kind === 'module' ? this.caller.id : undefined, this.at]
    for (const id of ids) {
      const entry = id === undefined ? undefined : quarantineOf(this.world, id, ms)
      if (entry === undefined) continue
      const because = `${this.name} may not call ${this.at}: ${id} is in quarantine, ${entry.why}`
      return denyWith(this.nothing(), 'quarantined', because)
    }
    return undefined
  }

  /** What a decision about the caller as such speaks of. */
  protected nothing(): Asked {
    return { caller: this.name, at: this.at, method: '', path: '', route: null }
  }

  protected strange(why: string, wouldAllow?: string, nearest: string | null = null): Deny {
    const hint = nearest === null ? '' : `; the nearest name is ${nearest}`
    const because = `${this.name} may not call ${this.at}: ${why}${hint}`
    return denyWith(this.nothing(), 'caller-not-allowed', because, {
      ...(wouldAllow === undefined ? {} : { wouldAllow }),
      nearest: () => nearest,
    })
  }

  /** `decision` as it is for a tenant that the caller may not act for; null: none was made. */
  protected tenantRefused(
    method: string,
    tenant: string,
    decision: Allow | null,
    why: string,
    wouldAllow: string,
  ): Deny {
    const path = decision?.routePattern ?? '/_/invoke/tenant/{tenantId}/*'
    const text = tenant.length > 64 ? `${tenant.slice(0, 64)}...` : tenant
    const because = `tenant ${text}, named or implied, ${why}`
    const asked: Asked = { ...this.nothing(), method, path }
    const made = deny(asked, 'tenant-not-allowed', because, { wouldAllow })
    if (decision === null) return made
    const { provider, interface: provided, route, routePattern } = decision
    return { ...made, provider, interface: provided, route, routePattern }
  }

  /** For callers without an installed descriptor: nothing is known of what they may do. */
  protected unknownModule(): Deny | undefined {
    const { caller, world } = this
    if (caller.kind !== 'module' || world.set.modules.has(caller.id)) return undefined
    const nearest = nearestName(caller.id, world.set.modules.keys())
    const wouldAllow = `put the descriptor of ${caller.id} into the folder of descriptors`
    return this.strange('no descriptor of it is installed', wouldAllow, nearest)
  }

  protected undeclared(asked: Asked, why: string, nearest: () => string | null): Deny {
    return deny(asked, 'route-not-declared', why, { nearest })
  }
}

/** Is this the name of Okapi's ingress: `okapi`, or the full id of an Okapi? */
export function isOkapiDoor(at: string): boolean {
  return productOf(at) === 'okapi'
}
