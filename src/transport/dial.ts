import { connect as netConnect, type OnReadOpts, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { Limit } from '../refusal/limits.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { type Address, formatAddress } from './address.ts'
import { Attempt } from './attempt.ts'
import type { Authenticator } from './authenticate.ts'
import type { CoarseClock } from './clock.ts'
import type { Descriptors } from './descriptors.ts'
import type { LiveSet } from './live-set.ts'
import type { NameResolver } from './name-resolver.ts'
import { withoutDot } from './resolv-conf.ts'
import { type Target, Targets } from './targets.ts'
import { ALPN_HTTP1, dialContext, type Material } from './tls-options.ts'

/** How the peer is proven where we dial with mutual TLS. */
export interface DialTls<I, R> {
  /** Asked anew for each connection; the same value as long as nothing changed. */
  readonly material: () => Material
  /** Sent as SNI instead of the name that was dialled. It proves nothing. */
  readonly servername?: string
  readonly authenticator: Authenticator<I>
  /**
   * Is this the peer that is wanted? The refusal says why not: `wrong-peer`, which is final, or
   * `module-unavailable`, where the one that is wanted may still come to this address.
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
  /** As long as nothing can be reached, another round begins until this is over. */
  readonly connectWaitMs: number
  readonly clock: CoarseClock
  /** Connections leave the reserve of these. */
  readonly descriptors?: Descriptors
  readonly whenUnreachable: 'module-unavailable' | 'upstream-unreachable'
  /** Asked as long as nothing can be reached: a refusal ends all waiting with these words. */
  readonly waitsNoMore?: () => Refusal | null
  /** One address was out of time; the dial as a whole may still succeed. */
  readonly limitHit?: (limit: Limit) => void
}

/** What one connection wants. */
export interface DialOptions {
  /** Documented option of `net.connect`: reads go into this one buffer. */
  readonly onread?: OnReadOpts
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
  /** Gives up without a word: `done` is not called any more. */
  cancel(): void
}

/**
 * Opens connections to one upstream: tries each address in turn until one is reached and, with TLS,
 * proves the identity that is wanted. No session is ever offered, so each handshake is a full one,
 * and not a byte of ours is sent before the gate has judged.
 *
 * Ends in `wrong-peer` or `module-unavailable` (as `fits` says it), `upstream-untrusted`, `overloaded` when this process has
 * no descriptors left, or `whenUnreachable`.
 */
export class Dialer<I, R = unknown> {
  readonly #options: DialerOptions<I, R>
  readonly #targets: Targets

  constructor(options: DialerOptions<I, R>) {
    this.#options = options
    this.#targets = new Targets(options.addresses, options.names)
  }

  dial(options: DialOptions, done: Dialled<I>): Dialling {
    const open = (target: Target) => this.#open(target, options)
    const attempt = new Attempt(this.#options, this.#targets, open, done)
    attempt.start()
    return attempt
  }

  /**
   * Who is at the other end of this socket wants no more connections: other addresses go before it.
   * `rest`: it takes nothing now, and is not asked again for a moment.
   */
  avoid({ remoteAddress: host, remotePort: port }: Socket, how: 'later' | 'rest'): void {
    if (host === undefined || port === undefined) return
    const key = formatAddress({ host, port })
    this.#targets.remember({ key }, 'leaving')
    const why = `${key}: the sidecar there is shutting down`
    if (how === 'rest') this.#targets.rest({ key }, why, this.#options.clock.now)
  }

  /** Begins to connect. Throws when the material makes no context. */
  #open({ address, name }: Target, { onread }: DialOptions): Socket {
    const { tls } = this.#options
    const common = {
      ...address,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      ...(onread === undefined ? {} : { onread }),
    }
    if (tls === null) return netConnect(common)
    const servername = tls.servername ?? name
    return tlsConnect({
      ...common,
      secureContext: dialContext(tls.material()),
      ALPNProtocols: [...(tls.alpn ?? [ALPN_HTTP1])],
      // The gate judges, not Node: a name in a certificate proves nothing here (DESIGN rule 2).
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      // RFC 6066 section 3: SNI holds DNS names only, without a trailing dot.
      ...(servername === undefined ? {} : { servername: withoutDot(servername) }),
    })
  }
}
