import type { OnReadOpts, Socket } from 'node:net'
import type { Limit } from '../refusal/limits.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Address } from './address.ts'
import type { Authenticator } from './authenticate.ts'
import type { CoarseClock } from './clock.ts'
import type { Descriptors } from './descriptors.ts'
import type { FloodPauses } from './flood-pauses.ts'
import type { LiveSet } from './live-set.ts'
import type { NameResolver } from './name-resolver.ts'
import type { Material } from './tls-options.ts'

/** How the peer is proven where we dial with mutual TLS. */
export interface DialTls<I, R> {
  /** Called for each connection; returns the same value as long as nothing changed. */
  readonly material: () => Material
  /** Sent as SNI instead of the name that is dialled. It proves nothing. */
  readonly servername?: string
  readonly authenticator: Authenticator<I>
  /**
   * Is this the wanted peer? The refusal says why not: `wrong-peer`, which is final, or
   * `module-unavailable` if the wanted peer may still appear at this address.
   */
  readonly fits: (identity: I) => Refusal | null
  /** Where proven connections are kept. */
  readonly live: LiveSet<I, R>
  /** What may be spoken inside, the dearest first; `http/1.1` alone when left out. */
  readonly alpn?: readonly string[]
}

/** Options of a Dialer: one upstream. */
export interface DialerOptions<I, R> {
  /** Tried in this order; a name stands for all of its addresses. At least one. */
  readonly addresses: readonly Address[]
  /** Where names are looked up. */
  readonly names: NameResolver
  /** Null: plain, and the identity is null. */
  readonly tls: DialTls<I, R> | null
  /** For resolving the names, and again for each TCP connection. */
  readonly connectMs: number
  readonly handshakeMs: number
  /** As long as nothing can be reached, new rounds begin until this time is over. */
  readonly connectWaitMs: number
  readonly clock: CoarseClock
  /** Connections leave the reserve of these. */
  readonly descriptors?: Descriptors
  readonly whenUnreachable: 'module-unavailable' | 'upstream-unreachable'
  /** Called as long as nothing can be reached: a refusal ends all waiting. */
  readonly waitsNoMore?: () => Refusal | null
  /** Addresses that flooded; the same for all diallers of one upstream. */
  readonly floods?: FloodPauses
  /** One address timed out; the dial as a whole may still succeed. */
  readonly limitHit?: (limit: Limit) => void
}

/** What one connection wants. */
export interface DialOptions {
  /** Documented option of `net.connect`: reads go into this one buffer. */
  readonly onread?: OnReadOpts
  /** One of the addresses: only it is tried, once. */
  readonly at?: string | undefined
  /** The address for exchanges with this number is tried first; 0: any. */
  readonly affinity?: number | undefined
}

/**
 * Called once, never before `dial` has returned. On success the socket has no listeners yet: an
 * `error` listener has to be added at once. `identity` is null on plain connections.
 */
export type Dialled<I> = (
  refusal: Refusal | null,
  socket: Socket | null,
  identity: I | null,
) => void

/** A dial under way. */
export interface Dialling {
  /** Cancels silently: `done` is no longer called. */
  cancel(): void
}
