import type { AuditEntry, EntryKind } from '../audit/entry.ts'
import type { AuditWriter } from '../audit/trail.ts'
import { withoutToken } from '../observe/json-line.ts'
import type { Decision } from '../policy/decision.ts'
import { Budget } from '../refusal/budget.ts'
import { REASONS } from '../refusal/reasons.ts'
import type { Exchange, Upstream } from '../wire/exchange.ts'
import { SERVED_METHODS } from '../wire/head.ts'
import { Announcement } from './announcement.ts'
import type { RequestContext } from './request-context.ts'
import type { Share } from './share.ts'

type X = Exchange<RequestContext>

/**
 * A caller that is refused repeatedly must not fill the disk: this many entries at once, and per
 * second.
 */
const REFUSALS_AT_ONCE = 32
const REFUSALS_PER_SECOND = 1

interface Refused {
  readonly budget: Budget
  /** Refusals since the last one that has an entry. */
  left: number
}

/** Which exchanges have entries in the audit trail, and their content. */
export class AuditedExchanges {
  readonly #trail: AuditWriter
  readonly #sensitive: ReadonlySet<string>
  readonly #refused = new WeakMap<Share, Refused>()

  /** @param sensitivity of `policy.sensitivity` */
  constructor(trail: AuditWriter, sensitivity: Readonly<Record<string, string>>) {
    this.#trail = trail
    const high = Object.entries(sensitivity).filter(([, how]) => how === 'high')
    this.#sensitive = new Set(high.map(([id]) => id))
  }

  /** The upstream of an allowed exchange: with `block` only after its entry is written. */
  passes(x: X, way: Upstream<RequestContext>): Upstream<RequestContext> {
    const { context } = x
    const kind = this.#trail.blocks ? this.#kindOf(context.decision) : undefined
    if (kind === undefined) return way
    const announcement = new Announcement(this.#trail, { ...about(x, kind), phase: 'began' }, way)
    context.announcement = announcement
    return announcement
  }

  /** Called once at the end of every exchange. */
  end(x: X): void {
    const { announcement, decision } = x.context
    if (announcement !== null) return announcement.end(outcome(x))
    const kind = this.#kindOf(decision)
    if (kind === undefined) return
    const isRefused = x.refused !== null && REASONS[x.refused.reason].phase !== 'upstream'
    const left = isRefused ? this.#refusal(x.context.share) : 0
    if (left === -1) return
    const unrecorded = left === 0 ? {} : { unrecorded: left }
    this.#trail.add({ ...about(x, kind), ...outcome(x), ...unrecorded })
  }

  /**
   * @returns how many refusals of this caller had no entry since the last one; -1: this one has
   * none either
   */
  #refusal(share: Share): number {
    const now = performance.now()
    let refused = this.#refused.get(share)
    if (refused === undefined) {
      refused = { budget: new Budget(REFUSALS_AT_ONCE, REFUSALS_PER_SECOND, now), left: 0 }
      this.#refused.set(share, refused)
    }
    if (!refused.budget.spend(now)) {
      refused.left++
      return -1
    }
    const { left } = refused
    refused.left = 0
    return left
  }

  #kindOf(decision: Decision | null): EntryKind | undefined {
    if (decision === null) return undefined
    return auditKind(decision, this.#sensitive)
  }
}

/**
 * The kind of entry for an exchange; undefined: none. Administration takes precedence, then high
 * sensitivity; rule and interface are recorded in any case.
 * @param sensitive interfaces whose sensitivity is high
 */
export function auditKind(
  decision: Decision,
  sensitive: ReadonlySet<string>,
): EntryKind | undefined {
  const { interface: provided, routePattern } = decision
  if (!decision.allow) {
    if (decision.refusal.reason === 'admin-route') return 'administration'
    return provided !== null && sensitive.has(provided.id) ? 'exchange' : undefined
  }
  // Built-in grants have no file: every browser uses them.
  const granted = decision.rule.kind === 'grant' && decision.rule.file !== null
  if (granted && routePattern.startsWith('/_/')) return 'administration'
  if (decision.system && provided?.id === TENANT_INTERFACE) return 'administration'
  if (decision.sensitivity === 'high') return 'exchange'
  return granted ? 'grant' : undefined
}

/**
 * With it Okapi enables a module for a tenant, upgrades it, and makes it delete the tenant's data.
 */
const TENANT_INTERFACE = '_tenant'

/** Who makes which call, and why it is allowed. No path, query, header or body may be added. */
function about(x: X, kind: EntryKind): AuditEntry {
  const { context, method } = x
  const { decision, tenant, requestId, userId, trueCaller, wouldRefuse } = context
  const would = (decision?.allow === true ? decision.wouldRefuse : undefined) ?? wouldRefuse
  return {
    kind,
    direction: context.direction,
    caller: context.callerName,
    peer: context.peerAddress,
    onBehalfOf: trueCaller?.name,
    userId: given(userId),
    at: context.at,
    provider: decision?.provider ?? undefined,
    interface: decision?.interface?.id,
    sensitivity: decision?.allow === true ? decision.sensitivity : undefined,
    method: method === -1 ? undefined : SERVED_METHODS[method],
    route: decision?.routePattern === '' ? undefined : decision?.routePattern,
    tenant: given(tenant),
    requestId: given(requestId),
    traceId: given(context.traceId),
    rule: decision?.rule ? { ...decision.rule } : undefined,
    wouldDeny: would?.reason,
  }
}

/** What a caller chose freely. */
function given(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : withoutToken(text)
}

/** How it ended; `status` 0: the caller got no answer. */
function outcome(x: X): Omit<AuditEntry, 'kind'> {
  return {
    status: x.status,
    reason: x.refused?.reason,
    outcome: x.outcome,
    upstream: x.upstreamPeer === '' ? undefined : x.upstreamPeer,
    bytesIn: x.bytesIn,
    bytesOut: x.bytesOut,
    durationMs: Math.round(performance.now() - x.beganAt),
  }
}
