import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Refusal } from '../refusal/refusal.ts'
import { formatAddress, remoteOf } from './address.ts'
import type { Descriptors } from './descriptors.ts'
import { Dialer } from './dial.ts'
import type { Dialling } from './dial-options.ts'
import { FloodPauses } from './flood-pauses.ts'
import type { NameResolver } from './name-resolver.ts'
import {
  type NamedConnected,
  NamedHandshake,
  type NamedHandshakeOptions,
  type NamedPlace,
} from './named-handshake.ts'
import { OverheadWatch } from './overhead-watch.ts'

/** Places that are remembered; there are more only if brokers move again and again. */
const MOST_PLACES = 256

/** Options for connections to servers of one kind. */
export interface NamedConnectorOptions extends NamedHandshakeOptions {
  readonly names: NameResolver
  readonly descriptors?: Descriptors
  readonly connectMs: number
  /** 0: TLS records may bring as little data as the server likes. */
  readonly recordOverheadBytesPerSecond: number
}

/**
 * Opens connections to servers that are not peers and prove a host name: databases and brokers.
 * Chain and name are verified (verify-full, in PostgreSQL's terms) before `done` is called.
 */
export class NamedConnector {
  readonly #options: NamedConnectorOptions
  readonly #dialers = new Map<string, Dialer<null>>()
  readonly #floods: FloodPauses

  constructor(options: NamedConnectorOptions) {
    this.#options = options
    this.#floods = new FloodPauses(options)
  }

  /** The first address that can be reached decides, whatever it answers. */
  connect(places: readonly NamedPlace[], done: NamedConnected): Dialling {
    return this.#next(places, [], done)
  }

  #next(
    [place, ...others]: readonly NamedPlace[],
    failures: readonly string[],
    done: NamedConnected,
  ): Dialling {
    if (place === undefined) throw new Error(`${this.#options.called} has no address`)
    let under: Dialling
    const over = (refusal: Refusal | null, socket: Socket | null) => {
      if (socket !== null) {
        under = new NamedHandshake(socket, place, this.#options, (refused, opened) => {
          done(refused, opened)
          if (opened !== null) this.#watch(opened.socket, socket)
        })
      } else if (refusal !== null && isUnreached(refusal)) {
        const all = [...failures, refusal.because]
        if (others.length > 0) under = this.#next(others, all, done)
        else done({ ...refusal, because: all.join('; ') }, null)
      } else done(refusal, null)
    }
    under = this.#dialer(place).dial({}, over)
    return { cancel: () => under.cancel() }
  }

  #watch(socket: TLSSocket, carrier: Socket): void {
    const { clock, limitHit, recordOverheadBytesPerSecond } = this.#options
    if (socket.destroyed) return
    const key = remoteOf(carrier)
    const told = () => limitHit?.('recordOverheadBytesPerSecond')
    // PostgreSQL and Kafka answer in records of 8 KiB and less.
    this.#floods.watch(socket, null, key, clock, told)
    const flooded = () => {
      told()
      this.#floods.flooded(key, clock.now)
    }
    new OverheadWatch(socket, carrier, { recordOverheadBytesPerSecond, clock, flooded })
  }

  /** It remembers which addresses of a name served last time. */
  #dialer({ host, port }: NamedPlace): Dialer<null> {
    const key = formatAddress({ host, port })
    const known = this.#dialers.get(key)
    if (known !== undefined) return known
    if (this.#dialers.size >= MOST_PLACES) this.#dialers.clear()
    const { names, clock, descriptors, connectMs, handshakeMs, limitHit } = this.#options
    const dialer = new Dialer<null>({
      addresses: [{ host, port }],
      names,
      tls: null,
      connectMs,
      handshakeMs,
      connectWaitMs: 0,
      clock,
      whenUnreachable: 'upstream-unreachable',
      floods: this.#floods,
      ...(descriptors && { descriptors }),
      ...(limitHit && { limitHit }),
    })
    this.#dialers.set(key, dialer)
    return dialer
  }
}

/** Is another place to be tried? Of a dial without TLS `upstream-malformed` says that what flooded is left alone. */
function isUnreached({ reason }: Refusal): boolean {
  return reason === 'upstream-unreachable' || reason === 'upstream-malformed'
}
