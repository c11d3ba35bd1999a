import { REASONS } from './reasons.ts'
import type { Refusal } from './refusal.ts'

/** `proven`: the caller's identity is known, it is told the full sentence. */
export interface Audience {
  readonly proven: boolean
  readonly requestId: string
}

/**
 * The problem document of a refusal (RFC 9457 section 3), one line of JSON. Strangers get the reason
 * and a request id to quote; what is wrong with their own message too, but nothing of the policy.
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
