import { ALL_REASONS, REASONS, type Reason } from '../refusal/reasons.ts'

/**
 * Every label of every metric comes from one of these closed lists; an index into a list is a row
 * of a counter. What a caller sends is never a label.
 */

/** The listener that an exchange came in by. */
export const DIRECTIONS = [
  ...(['ingress', 'egress', 'modules', 'public', 'plain'] as const),
  ...(['postgres', 'kafka'] as const),
] as const
export type Direction = (typeof DIRECTIONS)[number]

/**
 * Who made a call of Okapi: a caller, Okapi itself, or why that is not known. `unknown`: reported
 * by Okapi's sidecar to the callee's, or nothing was reported.
 */
export const CALLER_OUTCOMES = [
  ...['caller', 'okapi', 'unknown', 'no-handle', 'malformed-handle', 'no-exchange'],
  ...['other-tenant', 'other-method', 'other-target'],
] as const
export type CallerOutcome = (typeof CALLER_OUTCOMES)[number]

/** Classes of status codes; `none`: the caller disconnected before there was one. */
export const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** A reason of the table's phase `handshake`, or a failure of TLS itself. */
export type HandshakeFailure = Reason | 'protocol' | 'timeout'

export const HANDSHAKE_FAILURES: readonly HandshakeFailure[] = [
  ...ALL_REASONS.filter((reason) => REASONS[reason].phase === 'handshake'),
  'wrong-peer',
  'protocol',
  'timeout',
]

/** Why a link came to its end. */
export { LINK_ENDINGS, type LinkEnding } from '../refusal/link-endings.ts'

/** How a question to name servers ended; `stale`: they failed, and the last good answer is used. */
export const NAME_LOOKUPS = ['found', 'none', 'failed', 'stale'] as const
export type NameLookup = (typeof NAME_LOOKUPS)[number]

export const RELOADS = ['ok', 'failed'] as const
export type Reload = (typeof RELOADS)[number]

/** What was refused because the process had no file descriptor left. */
export const STARVED = ['accept', 'dial'] as const
export type Starved = (typeof STARVED)[number]
