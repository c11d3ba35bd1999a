import { connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { formatAddress } from './address.ts'
import { Attempt } from './attempt.ts'
import { lookBelow } from './below.ts'
import type { DialerOptions, Dialled, Dialling, DialOptions } from './dial-options.ts'
import type { PeerAddresses, Target } from './peer-addresses.ts'
import { withoutDot } from './resolv-conf.ts'
import { Targets } from './targets.ts'
import { ALPN_HTTP1, dialContext } from './tls-options.ts'
import { dispose } from './turn-away.ts'

/**
 * Opens connections to one upstream: tries one address after the other until one is reached and,
 * with TLS, proves the wanted identity. No session is ever offered, so each handshake is a full
 * one, and not a byte of ours is sent before the peer has been judged.
 *
 * Ends in `wrong-peer` or `module-unavailable` (as `fits` says it), `upstream-untrusted`, `overloaded` when this process has
 * no descriptors left, or `whenUnreachable`.
 */
export class Dialer<I, R = unknown> {
  readonly #options: DialerOptions<I, R>
  readonly #targets: Targets

  constructor(options: DialerOptions<I, R>) {
    this.#options = options
    this.#targets = new Targets(options.addresses, options.names, options.clock)
  }

  /** The addresses of the upstream, to spread exchanges over. */
  get addresses(): PeerAddresses {
    return this.#targets.known
  }

  dial(options: DialOptions, done: Dialled<I>): Dialling {
    const open = (target: Target) => this.#open(target, options)
    const attempt = new Attempt(this.#options, this.#targets, open, done)
    const { at, affinity } = options
    if (at === undefined) attempt.start(affinity)
    else attempt.startOnce(this.addresses.target(at))
    return attempt
  }

  /**
   * The peer at this socket wants no more connections: other addresses are preferred. `leaving`: its
   * sidecar will stop. `rest`: it accepts nothing now either, and is not tried again for a moment.
   * `floods`: it is left alone for longer each time.
   */
  avoid(
    { remoteAddress: host, remotePort: port }: Socket,
    how: 'later' | 'leaving' | 'rest' | 'floods',
  ): void {
    if (host === undefined || port === undefined) return
    const key = formatAddress({ host, port })
    if (how === 'floods') this.#options.floods?.flooded(key, this.#options.clock.now)
    this.#targets.remember({ key }, how === 'leaving' || how === 'rest' ? 'leaving' : 'later')
    const why = `${key}: the sidecar there is shutting down`
    if (how === 'rest') this.#targets.rest({ key }, why, this.#options.clock.now)
  }

  /** Begins to connect. Throws when no TLS context can be made from the material. */
  #open({ address, key, name }: Target, { onread }: DialOptions): Socket {
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
    const socket = tlsConnect({
      ...common,
      secureContext: dialContext(tls.material()),
      ALPNProtocols: [...(tls.alpn ?? [ALPN_HTTP1])],
      // The gate judges, not Node: a name in a certificate proves nothing here (DESIGN rule 2).
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      // RFC 6066 section 3: SNI holds DNS names only, without a trailing dot.
      ...(servername === undefined ? {} : { servername: withoutDot(servername) }),
    })
    try {
      const carrier = lookBelow(socket)
      this.#options.floods?.watch(socket, carrier, key, this.#options.clock)
      return socket
    } catch (error) {
      dispose(socket)
      throw error
    }
  }
}
