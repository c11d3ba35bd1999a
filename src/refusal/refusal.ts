import type { Limit } from './limits.ts'
import { REASONS, type Reason } from './reasons.ts'

/** A no, with everything that log, metric, header and document need to say about it. */
export interface Refusal {
  readonly reason: Reason
  readonly status: number
  /** The full sentence, with names: for the log and for callers whose identity is proven. */
  readonly because: string
  /** What would have allowed it, where something could. */
  readonly wouldAllow?: string
  /** The key of `limits` that was reached. */
  readonly limit?: Limit
}

/** Makes a refusal; `status` only where the table lists more than one for the reason. */
export function refuse(
  reason: Reason,
  because: string,
  more: { status?: number; wouldAllow?: string; limit?: Limit } = {},
): Refusal {
  return { reason, because, ...more, status: more.status ?? REASONS[reason].status }
}

/** Tells a Refusal from the value that a judge would have returned instead. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'reason' in value && 'because' in value
}
