import { readInvocation } from '../folio/tenant.ts'
import type { CallerOutcome } from '../observe/labels.ts'
import { callerName } from '../policy/caller.ts'
import { NO_STEP } from '../policy/okapi-step.ts'
import type { BehalfRequest } from '../policy/policy.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { type Head, SERVED_METHODS } from '../wire/head.ts'
import type { HeadWriter } from '../wire/head-writer.ts'
import type { PolicyCell } from './destination.ts'
import { type KnownCaller, KnownCallers } from './known-callers.ts'
import { NAME } from './names.ts'
import { MALFORMED, NOT_OPEN, type OpenExchanges } from './open-exchanges.ts'
import { isPreflight } from './preflight.ts'
import type { RequestContext } from './request-context.ts'

const OPTIONS = SERVED_METHODS.indexOf('OPTIONS')
const QUESTION_MARK = 0x3f
const NUMBER_SIGN = 0x23

/** Why a handle does not identify the true caller, in a sentence about Okapi's call. */
const MISFITS: Partial<Record<CallerOutcome, string>> = {
  'no-handle': 'it names no exchange, and Okapi does not call ordinary routes by itself',
  'malformed-handle': 'X-Sidecar-Exchange is not a handle',
  'no-exchange': 'the exchange that it names is not open: it has ended, or never existed',
  'other-tenant': 'the exchange that it names is for another tenant',
  'other-method': 'the exchange that it names has another method',
  'other-target': 'the exchange that it names has another target',
}

/**
 * Carries the true caller through Okapi, which is not trusted. At Okapi's ingress a request gets
 * the handle of its exchange; when Okapi calls a module the handle is looked up and the exchange
 * compared with the call; the callee's sidecar gets the caller, and judges the call by it.
 */
export class TrueCallers {
  readonly #policies: PolicyCell
  readonly #exchanges: OpenExchanges | undefined
  readonly #known = new KnownCallers()

  /** `exchanges`: the open exchanges; only beside Okapi. */
  constructor(policies: PolicyCell, exchanges: OpenExchanges | undefined) {
    this.#policies = policies
    this.#exchanges = exchanges
  }

  /** Finds the true caller of a call that is allowed for Okapi, and judges the call by it. */
  judge(context: RequestContext, head: Head): Refusal | null {
    switch (context.listener.trueCaller) {
      case 'found':
        return this.#find(context, head)
      case 'told':
        return this.#hear(context, head)
      default:
        return null
    }
  }

  /**
   * Adds the header for the next hop: the handle for Okapi, or the caller for the callee's sidecar.
   */
  tell(context: RequestContext, head: Head, out: HeadWriter): void {
    const { trueCaller } = context
    if (trueCaller !== null && context.listener.trueCaller === 'found') {
      out.span(trueCaller.line, 0, trueCaller.line.length)
    } else if (context.listener.trueCaller === 'handed') {
      this.#hand(context, head, out)
    }
  }

  /** The exchange is over, and with it its handle. */
  end(context: RequestContext): void {
    if (context.exchangeSlot === -1) return
    this.#exchanges?.close(context.exchangeSlot)
    context.exchangeSlot = -1
  }

  #hand(context: RequestContext, head: Head, out: HeadWriter): void {
    const exchanges = this.#exchanges
    if (exchanges === undefined || !context.holdsPlace || context.tenant === undefined) return
    const { bytes, method, pathEnd, targetEnd } = head
    context.itself ??= this.#known.named(callerName(context.caller)) ?? this.#known.unknown
    const invocation = readInvocation(bytes, context.start, pathEnd)
    const invoked = invocation !== undefined
    const start = invocation?.rest ?? context.start
    // Okapi passes the query on, if it is not empty (ProxyService.redirectProxy).
    const end = invoked && targetEnd - pathEnd === 1 ? pathEnd : targetEnd
    const [caller, tenant] = [context.itself, context.tenant]
    context.exchangeSlot = exchanges.begin({ caller, tenant, method, bytes, start, end, invoked })
    if (context.exchangeSlot === -1) return
    out.text('X-Sidecar-Exchange: ')
    exchanges.writeHandle(context.exchangeSlot, out)
    out.text('\r\n')
  }

  #find(context: RequestContext, head: Head): Refusal | null {
    const { okapi, unknown } = this.#known
    const { decision } = context
    if (decision?.allow !== true || decision.health) {
      context.trueCaller = okapi
      return null
    }
    context.callerOutcome = this.#look(context, head, decision.step.rewritePaths)
    if (context.callerOutcome === 'caller') return null
    const policy = this.#policies.current
    const request = requestOf(context, head)
    if (okapi.judge(policy, context.at).decide(request).allow) {
      context.callerOutcome = 'okapi'
      context.trueCaller = okapi
      return null
    }
    context.trueCaller = unknown
    if (policy.callerMode === 'off' || decision.step.afterwards) return null
    const { callerName: name, at } = context
    const asked = `${request.method} ${decision.routePattern} of ${at}`
    const because = `${name} may not ${asked}: ${MISFITS[context.callerOutcome]}`
    return context.found(refuse('caller-not-allowed', because), policy.callerMode)
  }

  /**
   * Compares the exchange of the handle with Okapi's call; every case has a row in this file's
   * test.
   */
  #look(context: RequestContext, head: Head, rewritePaths: readonly Buffer[]): CallerOutcome {
    const line = head.find(NAME.exchange)
    const exchanges = this.#exchanges
    if (line === -1 || exchanges === undefined) return 'no-handle'
    const slot = exchanges.find(head.bytes, head.valueStart[line]!, head.valueEnd[line]!)
    if (slot === MALFORMED) return 'malformed-handle'
    if (slot === NOT_OPEN) return 'no-exchange'
    const tenant = head.find(NAME.tenant)
    const [from, to] = tenant === -1 ? [0, 0] : [head.valueStart[tenant]!, head.valueEnd[tenant]!]
    const fits: CallerOutcome = !exchanges.isTenant(slot, head.bytes, from, to)
      ? 'other-tenant'
      : !exchanges.isMethod(slot, head.method)
        ? 'other-method'
        : fitsTarget(exchanges, slot, context.start, head, rewritePaths)
          ? 'caller'
          : 'other-target'
    const caller = this.#callerOf(exchanges, slot)
    // Everything read above belongs to one exchange only if it is still open.
    if (caller === undefined || !exchanges.stillOpen(slot)) return 'no-exchange'
    if (fits === 'caller') context.trueCaller = caller
    return fits
  }

  #callerOf(exchanges: OpenExchanges, slot: number): KnownCaller | undefined {
    const known = this.#known.hashed(exchanges.callerHash(slot))
    if (known !== undefined && exchanges.isCaller(slot, known.bytes)) return known
    return this.#known.named(exchanges.callerName(slot))
  }

  #hear(context: RequestContext, head: Head): Refusal | null {
    const { okapi, unknown } = this.#known
    const { decision } = context
    if (decision?.allow !== true || decision.health) {
      context.trueCaller = okapi
      return null
    }
    const caller = this.#known.named(head.repeated(NAME.caller) ?? '') ?? unknown
    context.trueCaller = caller
    context.callerOutcome = caller === okapi ? 'okapi' : caller === unknown ? 'unknown' : 'caller'
    const policy = this.#policies.current
    if (policy.callerMode === 'off') return null
    const judged = caller.judge(policy, context.at).decide(requestOf(context, head))
    if (!judged.allow) return context.found(judged.refusal, policy.callerMode)
    if (judged.wouldRefuse !== undefined) context.found(judged.wouldRefuse, 'report')
    return null
  }
}

/**
 * Is it the target that Okapi derives from the exchange's target? It prepends a rewritePath of the
 * route; java.net.URL ends it at a `#`; a delegated preflight loses its query
 * (ProxyService.redirectProxy).
 */
function fitsTarget(
  exchanges: OpenExchanges,
  slot: number,
  start: number,
  head: Head,
  rewritePaths: readonly Buffer[],
): boolean {
  const { bytes, targetEnd, pathEnd, method } = head
  if (exchanges.isTarget(slot, bytes, start, targetEnd)) return true
  if (exchanges.isTarget(slot, bytes, start, targetEnd, NUMBER_SIGN)) return true
  const delegated = method === OPTIONS && pathEnd === targetEnd && exchanges.isInvoked(slot)
  if (delegated && exchanges.isTarget(slot, bytes, start, targetEnd, QUESTION_MARK)) return true
  for (const written of rewritePaths) {
    const behind = start + written.length
    if (behind > pathEnd || bytes.compare(written, 0, written.length, start, behind) !== 0) continue
    if (fitsTarget(exchanges, slot, behind, head, [])) return true
  }
  return false
}

function requestOf(context: RequestContext, head: Head): BehalfRequest {
  const { decision, start, tenant } = context
  const step = decision?.allow === true ? decision.step : NO_STEP
  return {
    step,
    method: SERVED_METHODS[head.method]!,
    bytes: head.bytes,
    start,
    end: head.pathEnd,
    tenant,
    preflight: isPreflight(head),
  }
}
