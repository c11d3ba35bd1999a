import { performance } from 'node:perf_hooks'
import { type AccessLog, type AccessRecord, called, type EncodedFields } from '../observe/access.ts'
import type { Direction } from '../observe/labels.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { History } from '../observe/status/history.ts'
import type { NewRefusal } from '../observe/status/last-refusals.ts'
import type { Allow } from '../policy/decision.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Exchange } from '../wire/exchange.ts'
import { SERVED_METHODS } from '../wire/head.ts'
import { hostOf, type RequestContext } from './request-context.ts'

export interface RecordOptions {
  readonly metrics: Metrics
  /** Null where `log.access` is off; refusals are still counted. */
  readonly access: AccessLog | null
  readonly history: History
}

/** One count and one line for every exchange, allowed or refused; called once at its end. */
export function recorder({ metrics, access, history }: RecordOptions) {
  // One record for all lines: the log has serialized it when `write` returns.
  const line = blank()
  return (x: Exchange<RequestContext>): void => {
    const { context } = x
    const { direction, decision } = context
    const totalMs = performance.now() - x.beganAt
    metrics.requestEnded(direction, x.status, totalMs)
    if (x.refused !== null) {
      metrics.refused(direction, x.refused.reason)
      if (x.refused.limit !== undefined) metrics.limitHit(x.refused.limit)
    }
    const timeMs = Date.now()
    history.ended(context.callerName, x.status, x.refused !== null, totalMs, timeMs)
    if (context.trueCaller !== null && context.listener.trueCaller === 'told') {
      history.seen(context.trueCaller.throughOkapi, x.refused !== null, timeMs)
    }
    if (x.refused?.reason === 'too-many') {
      const { name, standing } = context.share
      history.tooMany(name, standing !== 'unproven', x.refused.limit ?? '', timeMs)
    }
    const decided = decision?.allow === true ? decision.wouldRefuse : undefined
    const would = decided ?? context.wouldRefuse ?? undefined
    if (would !== undefined) metrics.wouldDeny(direction)
    const refused = x.refused ?? would
    if (refused !== undefined) history.refused(refusedOf(x, refused, timeMs))
    if (context.callerOutcome !== '') metrics.trueCaller(context.callerOutcome)
    if (access === null) return
    line.timeMs = timeMs
    line.calling = context.calling
    line.called = calledBy(x)
    line.onBehalfOf = context.trueCaller?.name ?? ''
    line.status = x.status
    line.reason = x.refused?.reason ?? ''
    line.refusedBeyond = context.refusedBeyond
    line.because = x.refused?.because ?? would?.because ?? ''
    line.wouldDeny = would?.reason ?? ''
    line.audit = context.audit
    line.userId = context.userId ?? ''
    line.upstream = x.upstreamPeer
    line.tenant = context.tenant ?? ''
    line.requestId = context.requestId ?? ''
    line.traceId = context.traceId
    line.bytesIn = x.bytesIn
    line.bytesOut = x.bytesOut
    line.judgeMicros = x.judgedAt === 0 ? -1 : (x.judgedAt - x.beganAt) * 1000
    line.connectMs = x.connectedAt === 0 ? -1 : x.connectedAt - x.judgedAt
    line.firstByteMs = x.answeredAt === 0 ? -1 : x.answeredAt - x.beganAt
    line.totalMs = totalMs
    access.write(line)
  }
}

/** What was requested, as text for lines, by the rule that allowed it. */
const CALLED = new WeakMap<Allow, { readonly method: number; readonly fields: EncodedFields }>()

/** One object of the policy allows very many calls, whose lines are alike. */
function calledBy(x: Exchange<RequestContext>): EncodedFields {
  const { decision } = x.context
  const known = decision?.allow === true ? CALLED.get(decision) : undefined
  if (known !== undefined && known.method === x.method) return known.fields
  const fields = called({
    at: x.context.at,
    method: x.method === -1 ? '' : SERVED_METHODS[x.method]!,
    route: decision?.routePattern ?? '',
    interface: decision?.interface?.id ?? '',
    provider: decision?.provider ?? '',
    rule: decision?.rule?.kind ?? '',
  })
  if (decision?.allow === true) CALLED.set(decision, { method: x.method, fields })
  return fields
}

function blank(): AccessRecord {
  const none = new Uint8Array()
  const texts = { because: '', userId: '', upstream: '', tenant: '', requestId: '', traceId: '' }
  const times = { timeMs: 0.5, judgeMicros: 0.5, connectMs: 0.5, firstByteMs: 0.5, totalMs: 0.5 }
  const closed = {
    reason: '',
    refusedBeyond: '',
    wouldDeny: '',
    audit: '',
    onBehalfOf: '',
  } as const
  return {
    calling: none,
    called: none,
    status: 0,
    bytesIn: 0,
    bytesOut: 0,
    ...texts,
    ...times,
    ...closed,
  }
}

/** What the status page remembers of a refusal, or of one that report mode let pass. */
function refusedOf(x: Exchange<RequestContext>, refusal: Refusal, timeMs: number): NewRefusal {
  const { direction, callerName, trueCaller, at, decision, requestId, peerAddress } = x.context
  return {
    timeMs,
    direction,
    caller: trueCaller === null ? callerName : `${callerName} for ${trueCaller.name}`,
    from: hostOf(peerAddress),
    at,
    method: x.method === -1 ? '' : SERVED_METHODS[x.method]!,
    route: decision?.routePattern ?? '',
    status: x.status,
    reason: refusal.reason,
    because: refusal.because,
    requestId: requestId ?? '',
    passed: x.refused === null,
  }
}

/** An open exchange, as the log shows it while a drain waits. */
export interface OpenExchange {
  readonly direction: Direction
  readonly caller: string
  readonly at: string
  readonly method: string
  /** The pattern of a descriptor, never a path; '' before the decision. */
  readonly route: string
  readonly requestId: string
  readonly ageMs: number
}

/** What is known of it now. */
export function openExchange({ context, method, beganAt }: Exchange<RequestContext>): OpenExchange {
  const { direction, callerName, at, decision, requestId } = context
  return {
    direction,
    caller: callerName,
    at,
    method: method === -1 ? '' : SERVED_METHODS[method]!,
    route: decision?.routePattern ?? '',
    requestId: requestId !== undefined && isPlain(requestId) ? requestId : '',
    ageMs: Math.round(performance.now() - beganAt),
  }
}

/**
 * A value chosen by the caller goes into this line only if it has no token and nothing to escape.
 */
function isPlain(text: string): boolean {
  return /^[\x21-\x7e]{1,200}$/.test(text) && !text.includes('eyJ')
}
