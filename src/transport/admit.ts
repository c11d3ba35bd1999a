import { randomUUID } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Limit } from '../refusal/limits.ts'
import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import { type Authenticator, authenticate } from './authenticate.ts'
import type { CoarseClock } from './clock.ts'
import type { ConnectionSlot } from './connection-slots.ts'
import type { Budgets } from './handshake-pace.ts'
import type { LivePeer, LiveSet } from './live-set.ts'
import { turnAway } from './turn-away.ts'

/** A peer that was turned away after its handshake, for log and metrics. */
export interface TurnedAwayPeer<I> {
  readonly refusal: Refusal
  /** What the peer was told to quote. */
  readonly requestId: string
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** Null when it proved none. */
  readonly identity: I | null
}

export interface AdmissionEvents<I> {
  /** Closed before it was served: `limits.connections` were open. */
  dropped?(): void
  turnedAway?(peer: TurnedAwayPeer<I>): void
}

/** What is needed to let a peer in, or not. */
export interface Admission<I, R> {
  readonly authenticator: Authenticator<I>
  /** Where proven connections are kept and counted by peer. */
  readonly live: LiveSet<I, R>
  readonly limits: {
    readonly connections: number
    readonly connectionsPerPeer: number
    readonly handshakesPerSecond: number
  }
  /** How many times as much of `handshakesPerSecond` it may have. */
  readonly handshakeTimes?: (identity: I) => number
  readonly clock: CoarseClock
  readonly events?: AdmissionEvents<I>
}

/**
 * Takes the peer of an accepted connection into the live set; null when it was turned away. Never
 * throws: a peer that no key or record can be made of is not let in.
 */
export function admit<I, R>(
  socket: TLSSocket,
  slot: ConnectionSlot,
  admission: Admission<I, R>,
  handshakes: Budgets,
): LivePeer<I, R> | null {
  const { authenticator, live, limits, clock, handshakeTimes } = admission
  const proven = authenticate(socket, 'client', authenticator)
  if (isRefusal(proven)) return turnedAway(socket, proven, null, admission)
  try {
    if (live.acceptedFrom(proven.identity) >= limits.connectionsPerPeer) {
      const because = `${limits.connectionsPerPeer} connections of this peer are open already`
      return tooMany(socket, because, 'connectionsPerPeer', proven.identity, admission)
    }
    const times = handshakeTimes?.(proven.identity) ?? 1
    const budget = handshakes.of(live.keyOf(proven.identity), clock.now, times)
    if (budget?.spend(clock.now) === false) {
      const because = `this peer opens more than ${times * limits.handshakesPerSecond} connections per second`
      return tooMany(socket, because, 'handshakesPerSecond', proven.identity, admission)
    }
    slot.caller = live.keyOf(proven.identity)
    if (slot.settle()) return live.add(socket, proven)
    if (slot.overShare) {
      const because = `this peer has ${slot.ofCaller} connections open, which is its share of ${limits.connections} (limits.connections)`
      return tooMany(socket, because, 'connections', proven.identity, admission)
    }
    admission.events?.dropped?.()
    socket.destroy()
    return null
  } catch (error) {
    const because = `no record could be made of the peer: ${String(error)}`
    return turnedAway(socket, refuse('untrusted-certificate', because), null, admission)
  }
}

function tooMany<I, R>(
  socket: TLSSocket,
  because: string,
  limit: Limit,
  identity: I,
  admission: Admission<I, R>,
): null {
  return turnedAway(socket, refuse('too-many', because, { limit }), identity, admission)
}

function turnedAway<I, R>(
  socket: TLSSocket,
  refusal: Refusal,
  identity: I | null,
  { clock, events }: Admission<I, R>,
): null {
  const { remoteAddress, remotePort } = socket
  const requestId = randomUUID()
  turnAway(socket, refusal, { proven: identity !== null, requestId }, clock)
  events?.turnedAway?.({ refusal, requestId, remoteAddress, remotePort, identity })
  return null
}
