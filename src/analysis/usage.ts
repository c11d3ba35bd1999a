/** The fields of one exchange in the access log that matter here. */
export interface LoggedExchange {
  readonly timeMs: number
  readonly direction: string
  readonly caller: string
  readonly method: string
  /** Path pattern of the route. */
  readonly route: string
  /** '' if the log does not say. */
  readonly provider: string
  /** Report mode let it pass. */
  readonly wouldDeny: boolean
  /** Refused because of its token, or would be without report mode. */
  readonly unknownToken: boolean
  /** The tenant because of which it was refused, or would be without report mode; else ''. */
  readonly refusedTenant: string
  /** The same for a token of another tenant. */
  readonly crossed: Crossed | null
  readonly passed: boolean
  /** Whose ingress decided. */
  readonly at: string
}

/** A token of one tenant, used for another. */
export interface Crossed {
  readonly from: string
  readonly to: string
}

/** How often something was seen, and when. */
export interface UsageEvidence {
  readonly count: number
  /** Milliseconds since 1970. */
  readonly firstMs: number
  readonly lastMs: number
}

/** A kind of call with its evidence. */
export interface Usage extends UsageEvidence {
  readonly caller: string
  readonly method: string
  readonly route: string
  readonly provider: string
}

/** A tenant that a caller was refused. */
export interface TenantUsage extends Usage {
  readonly at: string
  readonly tenant: string
}

/** A caller that used a token of one tenant for another. */
export interface CrossingUsage extends Usage, Crossed {
  readonly at: string
}

interface Counted extends Usage {
  count: number
  firstMs: number
  lastMs: number
  readonly byDirection: Map<string, number>
}

/** Summarizes a log of any length: memory grows only with the kinds of calls. */
export class UsageLog {
  readonly #allowed = new Map<string, Counted>()
  readonly #wouldDeny = new Map<string, Counted>()
  readonly #tokens = new Map<string, Counted>()
  readonly #tenants = new Map<string, Counted & { at: string; tenant: string }>()
  readonly #crossings = new Map<string, Counted & Crossed & { at: string }>()

  add(logged: LoggedExchange): void {
    const {
      refusedTenant: tenant,
      crossed,
      at,
      wouldDeny,
      unknownToken,
      passed,
      ...exchange
    } = logged
    if (unknownToken) this.#count(this.#tokens, exchange, '', {})
    if (tenant !== '') this.#count(this.#tenants, exchange, ` ${at} ${tenant}`, { at, tenant })
    if (crossed !== null) {
      const { from, to } = crossed
      this.#count(this.#crossings, exchange, ` ${at} ${from} ${to}`, { at, from, to })
    }
    if (passed) this.#count(wouldDeny ? this.#wouldDeny : this.#allowed, exchange, '', {})
  }

  #count<T extends object>(
    into: Map<string, Counted & T>,
    {
      timeMs,
      direction,
      ...call
    }: Pick<LoggedExchange, 'timeMs' | 'direction' | 'caller' | 'method' | 'route' | 'provider'>,
    kind: string,
    more: T,
  ): void {
    const { caller, method, route, provider } = call
    const key = `${caller} ${method} ${route} ${provider}${kind}`
    const known = into.get(key)
    const counted = known ?? {
      ...more,
      ...{ caller, method, route, provider },
      ...{ count: 0, firstMs: timeMs, lastMs: timeMs, byDirection: new Map() },
    }
    if (known === undefined) into.set(key, counted)
    const count = (counted.byDirection.get(direction) ?? 0) + 1
    counted.byDirection.set(direction, count)
    // Both ends of a call write a line, and both logs may be given.
    counted.count = Math.max(counted.count, count)
    counted.firstMs = Math.min(counted.firstMs, timeMs)
    counted.lastMs = Math.max(counted.lastMs, timeMs)
  }

  /** What report mode let pass. */
  get wouldBeRefused(): readonly Usage[] {
    return [...this.#wouldDeny.values()]
  }

  /** Calls with a token that Okapi has not sent to the caller, refused or not. */
  get unknownTokens(): readonly Usage[] {
    return [...this.#tokens.values()]
  }

  /** What was refused because of the tenant, or would be without report mode. */
  get refusedTenants(): readonly TenantUsage[] {
    return [...this.#tenants.values()]
  }

  /** Tokens of one tenant that were used for another, also in report mode. */
  get crossings(): readonly CrossingUsage[] {
    return [...this.#crossings.values()]
  }

  /** Everything that passed, would-be refusals included. */
  get passed(): readonly Usage[] {
    return [...this.#allowed.values(), ...this.#wouldDeny.values()]
  }
}

/** Several pieces of evidence as one. */
export function mergedEvidence(list: readonly UsageEvidence[]): UsageEvidence {
  return {
    count: list.reduce((sum, { count }) => sum + count, 0),
    firstMs: Math.min(...list.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...list.map(({ lastMs }) => lastMs)),
  }
}
