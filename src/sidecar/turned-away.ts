import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { History } from '../observe/status/history.ts'
import type { NewRefusal } from '../observe/status/last-refusals.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { originOf } from '../transport/address.ts'
import type { TurnedAwayPeer } from '../transport/listen-secure.ts'
import type { Identity } from '../trust/identity.ts'
import { labelOf } from '../trust/pin.ts'

/** Who is told of peers that were turned away at the handshake. */
export interface TurnedAwayTold {
  readonly log: Logger
  readonly metrics: Metrics
  /** A peer was refused because its share of this limit is used up. */
  readonly tooMany: (peer: string, limit: string) => void
  /** For the status page. */
  readonly turnedAway: History['turnedAway']
}

/** Counts and reports a peer that a mutual TLS listener refuses. */
export function tellTurnedAway(
  listener: string,
  { refusal, requestId, identity, remoteAddress, remotePort }: TurnedAwayPeer<Identity>,
  { log, metrics, tooMany, turnedAway }: TurnedAwayTold,
): void {
  const { reason, because, limit } = refusal
  if (limit !== undefined) metrics.limitHit(limit)
  else metrics.handshakeFailed(reason)
  // All reasons of the table are counted in one place: an alert on refusals must not miss the first
  // six.
  metrics.refused('ingress', reason)
  if (identity !== null && limit !== undefined) tooMany(labelOf(identity), limit)
  const caller = identity === null ? strangerAt(remoteAddress) : labelOf(identity)
  const from = identity === null ? '' : strangerAt(remoteAddress)
  turnedAway(
    turnedAwayAs(refusal, { direction: 'ingress', caller, from, requestId }),
    identity !== null,
  )
  const peer = `${remoteAddress}:${remotePort}`
  const proven = identity === null ? {} : { caller }
  log.warn({ listener, reason, because, requestId, peer, ...proven }, 'peer refused')
}

/** A peer that was refused before a request was read, for the status page. */
export function turnedAwayAs(
  { reason, because, status }: Refusal,
  peer: Pick<NewRefusal, 'direction' | 'caller' | 'from' | 'requestId'>,
): NewRefusal {
  const nothingRead = { at: '', method: '', route: '' }
  return { timeMs: Date.now(), ...peer, ...nothingRead, status, reason, because, passed: false }
}

/** A peer without a proven identity is named by its address. */
export function strangerAt(remoteAddress: string | undefined): string {
  return remoteAddress === undefined ? 'an unknown address' : originOf(remoteAddress).address
}
