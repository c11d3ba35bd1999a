import { type Refusal, refuse } from '../refusal/refusal.ts'
import { hashOf } from '../transport/peer-addresses.ts'
import type { Exchange, RequestHandler, Upstream } from '../wire/exchange.ts'
import { FRAMING, type Head, SERVED_METHODS } from '../wire/head.ts'
import type { HeadWriter } from '../wire/head-writer.ts'
import type { AuditedExchanges } from './audited.ts'
import type { TenantsBrought } from './brought-tenants.ts'
import { ANSWER_OF_OKAPI, answersLose } from './header-tables.ts'
import * as headers from './headers.ts'
import type { ModuleConcurrency } from './module-concurrency.ts'
import { NAME } from './names.ts'
import type { OkapiUrl } from './okapi-url.ts'
import { ambiguous } from './path.ts'
import { isPreflight } from './preflight.ts'
import { refusalResponse, refusedBeyond, refusedByCallee, unhealthy } from './refused.ts'
import { hostOf, type RequestContext } from './request-context.ts'
import type { Shares } from './shares.ts'
import { findTenant, guardTenant } from './tenant.ts'
import type { TokenProvenance } from './token-provenance.ts'
import type { TrueCallers } from './true-callers.ts'
import type { TurnLimit } from './turn-limit.ts'

/** Shared by all exchanges of this process. */
export interface RequestHandlerOptions {
  /** Undefined where no egress is configured. */
  readonly okapiUrl: OkapiUrl | undefined
  /** The module's own loopback address: what X-Okapi-Url-to becomes. */
  readonly self: string
  /** Who stands behind what Okapi asks. */
  readonly trueCallers: TrueCallers
  /** Who may have how many exchanges open. */
  readonly shares: Shares
  /** Undefined with `limits.adaptive` off. */
  readonly concurrency: ModuleConcurrency | undefined
  /** Undefined with `limits.turnMs` off. */
  readonly turns: TurnLimit | undefined
  /** Undefined: the tokens of modules are not checked. */
  readonly tokens: TokenProvenance | undefined
  /** For which tenants Okapi has called. */
  readonly brought: TenantsBrought
  /** Answers Okapi's health question about the module. */
  readonly health: Upstream<RequestContext>
  /**
   * Why a request that another sidecar can handle is returned to its caller; null: it is served.
   */
  readonly givesBack: () => Refusal | null
  /** Undefined: there is no audit trail. */
  readonly audited: AuditedExchanges | undefined
  /** Writes the log line and counts. */
  readonly record: (x: Exchange<RequestContext>) => void
}

type X = Exchange<RequestContext>

const SLASH = Buffer.from('/')
const BEFORE_TARGET = SERVED_METHODS.map((method) => `${method} `)

/**
 * How an exchange is handled, from top to bottom: begin (identify, judge, rewrite, choose the
 * upstream), answer, end. Between them the wire relays bytes. The caller's identity was proven when
 * its connection was accepted.
 */
export function requestHandler(options: RequestHandlerOptions): RequestHandler<RequestContext> {
  /** Modules about which Okapi's health question is open. */
  const askedAbout = new Set<string>()

  function begin(x: X, head: Head, out: HeadWriter): Upstream<RequestContext> | Refusal {
    const { context } = x
    remember(context, head)
    return (
      context.listener.destination(context, head) ??
      (x.downstream.canGiveBack ? options.givesBack() : null) ??
      unsettled(x) ??
      authorize(context, head) ??
      options.tokens?.judge(context, head) ??
      place(x) ??
      rewrite(x, head, out)
    )
  }

  /** A connection that cannot settle has no further exchange. */
  function unsettled(x: X): Refusal | null {
    const { bare, slot, share } = x.context
    if (slot === null || slot.settle()) return null
    x.endsConnection()
    // Okapi treats no answer, and any but a good one, as a missing module, so this is always
    // forwarded.
    if (bare) return null
    if (!slot.overShare) {
      return refuse('overloaded', 'limits.connections reached', { limit: 'connections' })
    }
    share.refused++
    return tooManyConnections(share.name, slot.ofCaller)
  }

  function authorize(context: RequestContext, head: Head): Refusal | null {
    const { listener, at } = context
    const unclear = context.bare ? null : ambiguous(head, context.start, context.authorizer)
    if (unclear !== null) return unclear
    const tenant = findTenant(context, head)
    if (tenant !== null) return tenant
    const decision = context.authorizer.decide(
      SERVED_METHODS[head.method]!,
      context.bare ? SLASH : head.bytes,
      context.bare ? 0 : context.start,
      context.bare ? 1 : head.pathEnd,
      listener.judgesTenant ? context.tenant : undefined,
      head.valueOf(NAME.moduleId),
      isPreflight(head),
    )
    context.decision = decision
    if (!decision.allow) return decision.refusal
    if (decision.sensitivity !== 'regular') {
      context.audit = decision.sensitivity
      context.userId = headers.claims(head, listener.request).userId ?? head.valueOf(NAME.userId)
    }
    if (decision.health && head.pathEnd !== head.targetEnd) {
      return refuse('route-not-declared', `${at} is asked GET / with a query`)
    }
    // Only the sidecar beside the module can know; Okapi's forwards the question.
    if (decision.health && listener.answerer === 'module') context.upstream = options.health
    return (
      headers.forbidden(head, listener.request) ??
      headers.userId(head, listener.request) ??
      options.trueCallers.judge(context, head) ??
      guardTenant(context, head, options.brought)
    )
  }

  /**
   * Okapi's health question needs no place, because it must be answered even under overload. Beside
   * Okapi one per module passes the limits of its upstream too.
   */
  function place(x: X): Refusal | null {
    const { context } = x
    const { decision } = context
    if (context.bare) {
      x.exempt = !askedAbout.has(context.at)
      if (x.exempt) askedAbout.add(context.at)
      return null
    }
    if (decision?.allow === true && decision.health) return null
    // Okapi asks the instance that began a tenant's job for its progress.
    if (decision?.allow === true && decision.system) x.affinity = hashOf(context.tenant ?? '') || 1
    return (
      options.turns?.take(context, x.beganAt) ??
      options.concurrency?.take(context) ??
      options.shares.take(context, decision?.provider ?? null)
    )
  }

  function rewrite(x: X, head: Head, out: HeadWriter): Upstream<RequestContext> | Refusal {
    const { context } = x
    const { request, okapiUrl } = context.listener
    out.text(BEFORE_TARGET[head.method]!)
    if (context.bare) out.text('/')
    else out.span(head.bytes, context.start, head.targetEnd)
    out.span(context.afterTarget, 0, context.afterTarget.length)
    const refusal = headers.tokenCookies(head, out, request, context.traits)
    if (refusal !== null) return refusal
    if (okapiUrl === 'rewritten') {
      context.okapiUrl = headers.okapiUrls(head, out, options.okapiUrl, options.self)
    } else if (okapiUrl === 'replaced') {
      context.okapiUrl = headers.ownOkapiUrl(head, out, options.okapiUrl)
    }
    if (isLastForModule(context, head)) out.text('Connection: close\r\n')
    if (request.appendsAddress) headers.forwardedFor(head, out, hostOf(context.peerAddress))
    context.traceId = headers.trace(head, out, request, context.traceId)
    options.trueCallers.tell(context, head, out)
    out.lines(head, request.actions, false)
    options.tokens?.passes(context, head)
    return options.audited?.passes(x, context.upstream) ?? context.upstream
  }

  function answer(x: X, head: Head, out: HeadWriter): Refusal | 'hang-up' | null {
    const { context } = x
    const { listener, decision, traits } = context
    options.turns?.came()
    options.concurrency?.answered(x, head.status)
    if (listener.answerer !== 'module') context.refusedBeyond = refusedBeyond(head)
    const refused = listener.answerer === 'callee' ? refusedByCallee(head) : undefined
    if (refused !== undefined) {
      const because = `the sidecar of ${context.at} refuses: ${refused}`
      if (context.bare) return refuse('module-unavailable', because)
      if (hangsUp(context, refused)) return 'hang-up'
    }
    if (decision?.allow && decision.sensitivity === 'high') headers.noStore(head, out)
    if (listener.answerer === 'okapi') {
      options.tokens?.answers(context, head)
      out.lines(head, ANSWER_OF_OKAPI, x.reframed)
      return null
    }
    if (!traits.authFilter && !traits.keepsTokens) headers.dropTokenSetCookies(head)
    if (listener.answerer === 'module') {
      const told = listener.okapiUrl === 'replaced' ? options.okapiUrl?.origin : undefined
      headers.location(head, out, options.okapiUrl, context.okapiUrl, told)
    }
    if (refused !== undefined) out.text(`X-Sidecar-Refused: ${refused}\r\n`)
    out.lines(head, answersLose(traits), x.reframed)
    return null
  }

  function refusal(x: X, refused: Refusal, close: boolean): Buffer | null {
    // The head could not be parsed: the recorded values belong to the previous exchange.
    if (x.method === -1) x.context.reset()
    if (x.context.bare) {
      x.endsConnection()
      return unhealthy(refused)
    }
    if (hangsUp(x.context, refused.reason)) return null
    return refusalResponse(x, refused, close)
  }

  function end(x: X): void {
    if (x.exempt) askedAbout.delete(x.context.at)
    options.trueCallers.end(x.context)
    options.shares.give(x.context, x.brokenOff)
    options.concurrency?.ended(x.context)
    options.audited?.end(x)
    options.record(x)
  }

  const { turns } = options
  /** For calls to Okapi: for a call to a module it is not known yet whether it is a system call. */
  const refusesUnread =
    turns &&
    (({ context: { listener, share } }: X, head: Buffer, start: number) =>
      listener.trueCaller === 'handed' && turns.refusesUnread(share, head, start))

  return { begin, answer, refusal, end, ...(refusesUnread && { refusesUnread }) }
}

function tooManyConnections(caller: string, open: number): Refusal {
  const because = `${caller} has ${open} connections open, which is its share (limits.connections)`
  return refuse('too-many', because, { limit: 'connections' })
}

/**
 * Is this the last request on its connection to the module? A server that answers without reading
 * the body (as Python's http.server does) reads the body as its next request, which no policy has
 * seen. Okapi sends chunks, whose sizes are not a request line, except for entries of type
 * request-response-1.0.
 */
function isLastForModule({ listener }: RequestContext, head: Head): boolean {
  if (listener.answerer !== 'module' || listener.trueCaller !== 'itself') return false
  return head.framing === FRAMING.length && head.contentLength > 0
}

/** What log and refusal say about the request, whatever its outcome. */
function remember(context: RequestContext, head: Head): void {
  context.reset()
  context.requestId = head.valueOf(NAME.requestId)
  context.tenant = head.repeated(NAME.tenant)
  context.traceId = headers.givenTrace(head)
  context.origin = head.repeated(NAME.origin)
  context.start = head.targetStart
}

/**
 * Okapi repeats a system call only when its connection breaks (OkapiClient.request1): if the module
 * is not there yet, it gets no answer at all. During an upgrade the old version may still be at the
 * address.
 */
function hangsUp({ listener, decision }: RequestContext, reason: string): boolean {
  if (listener.direction !== 'modules') return false
  return decision?.allow === true && decision.system && NOT_THERE.has(reason)
}

/** Reasons after which another try may fare better. */
const NOT_THERE: ReadonlySet<string> = new Set([
  'too-many',
  'module-unavailable',
  'upstream-unreachable',
  'draining',
  'overloaded',
  'audit-unavailable',
  'wrong-peer',
])
