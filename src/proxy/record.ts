import type { AccessLog } from '../observe/access.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Exchange } from '../wire/exchange.ts'
import { METHODS } from '../wire/head.ts'
import type { Note } from './note.ts'

export interface RecordOptions {
  readonly metrics: Metrics
  /** Null where `log.access` is off; refusals are still counted. */
  readonly access: AccessLog | null
  /** The trace id of a `traceparent`, '' where it is none. */
  readonly traceId: (traceparent: string) => string
}

/** One count and one line for every exchange, allowed or refused; called once at its end. */
export function recorder({ metrics, access, traceId }: RecordOptions) {
  return (x: Exchange<Note>): void => {
    const { note } = x
    const { direction, decision } = note
    const totalMs = performance.now() - x.beganAt
    metrics.requestEnded(direction, x.status, totalMs)
    if (x.refused !== null) {
      metrics.refused(direction, x.refused.reason)
      if (x.refused.limit !== undefined) metrics.limitHit(x.refused.limit)
    }
    const would = decision?.allow === true ? decision.wouldRefuse : undefined
    if (would !== undefined) metrics.wouldDeny(direction)
    access?.write({
      timeMs: Date.now(),
      direction,
      caller: note.callerName,
      peer: note.peerAddress,
      at: note.at,
      method: x.method === -1 ? '' : METHODS[x.method]!,
      route: decision?.routePattern ?? '',
      status: x.status,
      reason: x.refused?.reason ?? '',
      because: x.refused?.because ?? would?.because ?? '',
      rule: decision?.rule?.kind ?? '',
      wouldDeny: would?.reason ?? '',
      tenant: note.tenant ?? '',
      requestId: note.requestId ?? '',
      traceId: note.traceparent === undefined ? '' : traceId(note.traceparent),
      bytesIn: x.bytesIn,
      bytesOut: x.bytesOut,
      judgeMicros: x.judgedAt === 0 ? -1 : (x.judgedAt - x.beganAt) * 1000,
      connectMs: x.connectedAt === 0 ? -1 : x.connectedAt - x.judgedAt,
      firstByteMs: x.answeredAt === 0 ? -1 : x.answeredAt - x.beganAt,
      totalMs,
    })
  }
}
