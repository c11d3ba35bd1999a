import type { Limit } from './limits.ts'
import { REASONS, type Reason, type ReasonEntry } from './reasons.ts'

/** A refusal, with everything that log, metric, header and problem document need. */
export interface Refusal {
  readonly reason: Reason
  readonly status: number
  /** The full sentence with names, for the log and for authenticated callers. */
  readonly because: string
  /** What would have allowed it, if anything could. */
  readonly wouldAllow?: string
  /** The key of `limits` that was reached. */
  readonly limit?: Limit
}

/** Makes a refusal; `status` only if the table has more than one for the reason. */
export function refuse(
  reason: Reason,
  because: string,
  more: { status?: number; wouldAllow?: string; limit?: Limit } = {},
): Refusal {
  return { reason, because, ...more, status: more.status ?? REASONS[reason].status }
}

/** Distinguishes a Refusal from the value that the function would return otherwise. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'reason' in value && 'because' in value
}

/** `proven`: the caller is authenticated, and gets the full sentence. */
export interface Audience {
  readonly proven: boolean
  readonly requestId: string
}

/**
 * The problem document of a refusal (RFC 9457 section 3), one line of JSON. Unauthenticated callers get
 * the reason and a request id to quote, and what is wrong with their own message, but nothing of the policy.
 */
export function problemDocument(refusal: Refusal, { proven, requestId }: Audience): string {
  const { reason, status, because, wouldAllow } = refusal
  const entry = REASONS[reason]
  const told = proven || entry.toldToStrangers
  return JSON.stringify({
    type: `urn:okapi-sidecar:refusal:${reason}`,
    title: entry.sentence,
    status,
    reason,
    requestId,
    ...(told ? { detail: because } : {}),
    ...(proven && wouldAllow !== undefined ? { wouldAllow } : {}),
  })
}

/** The header lines of a refusal that are the same in all places. */
export function refusalLines({ reason }: Refusal): readonly string[] {
  const { retryAfter }: ReasonEntry = REASONS[reason]
  const line = `X-Sidecar-Refused: ${reason}`
  if (retryAfter === undefined) return [line]
  const [least, most] = retryAfter
  const seconds = least + Math.floor(Math.random() * (most - least + 1))
  return [line, `Retry-After: ${seconds}`]
}
