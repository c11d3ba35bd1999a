import type { AccessLog } from '../observe/access.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { History, Refused } from '../observe/status/history.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Exchange } from '../wire/exchange.ts'
import { METHODS } from '../wire/head.ts'
import type { Note } from './note.ts'

export interface RecordOptions {
  readonly metrics: Metrics
  /** Null where `log.access` is off; refusals are still counted. */
  readonly access: AccessLog | null
  readonly history: History
}

/** One count and one line for every exchange, allowed or refused; called once at its end. */
export function recorder({ metrics, access, history }: RecordOptions) {
  return (x: Exchange<Note>): void => {
    const { note } = x
    const { direction, decision } = note
    const totalMs = performance.now() - x.beganAt
    metrics.requestEnded(direction, x.status, totalMs)
    if (x.refused !== null) {
      metrics.refused(direction, x.refused.reason)
      if (x.refused.limit !== undefined) metrics.limitHit(x.refused.limit)
    }
    const timeMs = Date.now()
    history.ended(note.callerName, x.status, x.refused !== null, totalMs, timeMs)
    const would = decision?.allow === true ? decision.wouldRefuse : undefined
    if (would !== undefined) metrics.wouldDeny(direction)
    const refused = x.refused ?? would
    if (refused !== undefined) history.refused(refusedOf(x, refused, timeMs))
    access?.write({
      timeMs,
      direction,
      caller: note.callerName,
      peer: note.peerAddress,
      at: note.at,
      method: x.method === -1 ? '' : METHODS[x.method]!,
      route: decision?.routePattern ?? '',
      interface: decision?.interface?.id ?? '',
      provider: decision?.provider ?? '',
      status: x.status,
      reason: x.refused?.reason ?? '',
      because: x.refused?.because ?? would?.because ?? '',
      rule: decision?.rule?.kind ?? '',
      wouldDeny: would?.reason ?? '',
      audit: note.audit,
      userId: note.userId ?? '',
      upstream: x.upstreamPeer,
      tenant: note.tenant ?? '',
      requestId: note.requestId ?? '',
      traceId: note.traceId,
      bytesIn: x.bytesIn,
      bytesOut: x.bytesOut,
      judgeMicros: x.judgedAt === 0 ? -1 : (x.judgedAt - x.beganAt) * 1000,
      connectMs: x.connectedAt === 0 ? -1 : x.connectedAt - x.judgedAt,
      firstByteMs: x.answeredAt === 0 ? -1 : x.answeredAt - x.beganAt,
      totalMs,
    })
  }
}

/** What the status page remembers of a refusal, or of one that report mode let pass. */
function refusedOf(x: Exchange<Note>, refusal: Refusal, timeMs: number): Refused {
  const { direction, callerName, at, decision, requestId } = x.note
  return {
    timeMs,
    direction,
    caller: callerName,
    at,
    method: x.method === -1 ? '' : METHODS[x.method]!,
    route: decision?.routePattern ?? '',
    status: x.status,
    reason: refusal.reason,
    because: refusal.because,
    requestId: requestId ?? '',
    passed: x.refused === null,
  }
}
