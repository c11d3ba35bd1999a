import type { Socket } from 'node:net'
import type { Config } from '../config/config.ts'
import type { Way } from '../listeners/all.ts'
import type { Accepted, ListenerSockets } from '../listeners/listener.ts'
import type { Direction } from '../observe/labels.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Caller } from '../policy/caller.ts'
import { TIMES_FOR_OKAPI } from '../proxy/shares.ts'
import { type Address, formatAddress, remoteOf } from '../transport/address.ts'
import type { CoarseClock } from '../transport/clock.ts'
import type { ConnectionSlot } from '../transport/connection-slots.ts'
import type { Descriptors } from '../transport/descriptors.ts'
import {
  listenPlain,
  listenPublic,
  type PublicKeyPair,
  type PublicListener,
} from '../transport/listen.ts'
import { type ListenTlsEvents, listenTls, type TlsListener } from '../transport/listen-secure.ts'
import type { ListenEvents, SocketListener } from '../transport/listening.ts'
import type { Predecessor } from '../transport/predecessor.ts'
import { ALPN_HTTP1 } from '../transport/tls-options.ts'
import type { Identity } from '../trust/identity.ts'
import { labelOf } from '../trust/pin.ts'
import type { Authentication } from './authentication.ts'
import { ALPN_LINK } from './connections.ts'
import { limitsOverTls } from './machine.ts'
import type { PlainPeers } from './migration.ts'
import { type TurnedAwayTold, tellTurnedAway } from './turned-away.ts'

/** For several threads with the same listeners. */
export interface Sharing {
  /** It finds out whether a port is free; a port chosen by the system is used by the others too. */
  readonly first: boolean
  /** Has the first a listener on ::1 beside the one on 127.0.0.1? */
  readonly otherLoopback: boolean
}

/** What listeners are opened with. */
export interface ListenersOptions extends TurnedAwayTold {
  readonly config: Config
  readonly clock: CoarseClock
  readonly descriptors: Descriptors
  readonly predecessor: Predecessor
  readonly log: Logger
  readonly metrics: Metrics
  readonly sharing?: Sharing | undefined
  readonly authentication: Authentication
  /** A connection that serves one exchange at most from now on. */
  readonly retire: (socket: Socket) => void
  /** Who may use the migration listener, if there is one. */
  readonly plainPeers: () => PlainPeers
}

/**
 * Opens the listeners of one thread, and reports connections that were never served to log and
 * metrics.
 */
export class Listeners implements ListenerSockets {
  readonly #config: Config
  /** What all listeners need alike. */
  readonly #common: Pick<ListenersOptions, 'clock' | 'descriptors' | 'predecessor'> & {
    readonly shared?: 'first' | 'further'
  }
  readonly #log: Logger
  readonly #metrics: Metrics
  readonly #open: Record<Way, SocketListener[]> = { in: [], out: [] }
  readonly #mutual: TlsListener[] = []
  readonly #sharing: Sharing | undefined
  readonly authentication: Authentication
  /** Who is told of peers that were turned away. */
  readonly #told: TurnedAwayTold
  readonly #retire: (socket: Socket) => void
  readonly #plainPeers: () => PlainPeers
  #pair: PublicKeyPair | undefined
  #public: PublicListener | undefined
  /** Is there one on ::1 beside the one on 127.0.0.1? */
  hasOtherLoopback = false

  constructor(options: ListenersOptions) {
    const { config, clock, descriptors, predecessor, log, metrics, sharing } = options
    const { authentication, tooMany, turnedAway, retire, plainPeers } = options
    this.#told = { log, metrics, tooMany, turnedAway }
    this.authentication = authentication
    this.#retire = retire
    this.#plainPeers = plainPeers
    this.#config = config
    this.#log = log
    this.#metrics = metrics
    this.#sharing = sharing
    const shared = sharing && { shared: sharing.first ? ('first' as const) : ('further' as const) }
    this.#common = { clock, descriptors, predecessor, ...shared }
  }

  /** Plain, on loopback: the caller is the module itself. */
  plain(address: Address, caller: Caller, accepted: Accepted): Promise<string> {
    return this.#plain({ way: 'out', address }, (socket, slot) =>
      accepted(socket, caller, remoteOf(socket), slot),
    )
  }

  /** Plain, from listed addresses: the caller proves no identity. */
  listed(address: Address, accepted: Accepted): Promise<string> {
    const peers = this.#plainPeers()
    return this.#plain({ way: 'in', address }, (socket, slot) => {
      if (peers.admit(socket)) accepted(socket, { kind: 'plain' }, remoteOf(socket), slot)
    })
  }

  async #plain(
    { way, address }: { way: Way; address: Address },
    onConnection: (socket: Socket, slot: ConnectionSlot) => void,
  ): Promise<string> {
    // A Unix socket is one file, so only one thread has it.
    if ('path' in address && this.#sharing?.first === false) return formatAddress(address)
    const listener = await listenPlain(
      {
        address,
        // It serves one caller: the module, or Okapi.
        oneCaller: way === 'out',
        ...this.#common,
        limits: this.#config.limits,
        events: this.#events(formatAddress(address)),
      },
      onConnection,
    )
    this.#open[way].push(listener)
    return listener.address
  }

  /**
   * The other family of an IPv4 loopback address: Node's clients try `localhost` as ::1 first.
   * Without IPv6, or if another process uses that port, it is left out.
   */
  async otherLoopback(bound: string, caller: Caller, accepted: Accepted): Promise<void> {
    if (this.#sharing !== undefined && !this.#sharing.first && !this.#sharing.otherLoopback) return
    const open = (address: Address) => this.plain(address, caller, accepted)
    if (await this.#onOtherLoopback(bound, open)) this.hasOtherLoopback = true
  }

  /** Plain, on loopback, for protocols other than HTTP; on ::1 as well. */
  async other(
    address: Address,
    accepted: (socket: Socket, peer: string, slot: ConnectionSlot) => void,
  ): Promise<string> {
    const open = (at: Address) =>
      this.#plain({ way: 'out', address: at }, (socket, slot) =>
        accepted(socket, remoteOf(socket), slot),
      )
    const bound = await open(address)
    await this.#onOtherLoopback(bound, open)
    return bound
  }

  async #onOtherLoopback(
    bound: string,
    open: (address: Address) => Promise<string>,
  ): Promise<boolean> {
    const port = /^127\.0\.0\.1:(\d+)$/.exec(bound)?.[1]
    if (port === undefined) return false
    try {
      await open({ host: '::1', port: Number(port) })
      return true
    } catch (error) {
      this.#log.warn({ address: `[::1]:${port}`, why: String(error) }, 'no listener on ::1')
      return false
    }
  }

  /** Mutual TLS: the caller is the proven identity. */
  async mutual(
    address: Address,
    accepted: Accepted,
    authentication = this.authentication,
  ): Promise<string> {
    const { material, authenticator, live } = authentication
    const listener = await listenTls(
      {
        address,
        ...this.#common,
        limits: limitsOverTls(this.#config),
        material: material(),
        authenticator,
        live,
        handshakeTimes: (identity) => (isOkapi(identity) ? TIMES_FOR_OKAPI : 1),
        ...(this.#config.link ? { alpn: [ALPN_LINK, ALPN_HTTP1] } : {}),
        events: this.#tlsEvents(formatAddress(address)),
      },
      (peer, shown, slot) => {
        const { socket, identity, record } = peer
        accepted(socket, identity, remoteOf(socket), slot)
        if (authentication.isLate(peer, shown)) this.#retire(socket)
        const [leaf] = record.handshake.issued
        this.#log.debug(
          { caller: labelOf(identity), serial: leaf?.serial, generation: record.generation },
          'peer accepted',
        )
      },
    )
    this.#open.in.push(listener)
    this.#mutual.push(listener)
    // The credentials may have changed while the address was being bound.
    listener.setMaterial(material())
    return listener.address
  }

  /** TLS for browsers and load balancers: the caller is `public`. */
  async public(address: Address, accepted: Accepted): Promise<string> {
    const pair = this.#pair
    if (pair === undefined) throw new Error('there is no certificate to show to browsers yet')
    const events = this.#tlsEvents(formatAddress(address))
    const listener = await listenPublic(
      { address, ...this.#common, limits: limitsOverTls(this.#config), pair, events },
      (socket, slot) => accepted(socket, { kind: 'public' }, remoteOf(socket), slot),
    )
    this.#open.in.push(listener)
    this.#public = listener
    return listener.address
  }

  /** From now on browsers get another certificate. */
  showPublic(pair: PublicKeyPair): void {
    this.#pair = pair
    this.#public?.setPair(pair)
  }

  /** New handshakes use the new credentials from now on. */
  switchMaterial(): void {
    for (const listener of this.#mutual) listener.setMaterial(this.authentication.material())
  }

  /** Resolves when all listen; a Fault when one never will. */
  async listen(): Promise<void> {
    await Promise.all([...this.#open.in, ...this.#open.out].map(({ listens }) => listens))
  }

  /**
   * Accepts waiting connections, then closes the listeners of one direction. Resolves when their
   * last connection is closed.
   */
  async close(way: Way): Promise<void> {
    await Promise.all(this.#open[way].map((listener) => listener.close()))
  }

  /** Closes the listeners at once. */
  destroy(): void {
    for (const listener of [...this.#open.in, ...this.#open.out]) listener.destroy()
  }

  #events(listener: string): ListenEvents {
    return {
      dropped: () => this.#metrics.limitHit('connections'),
      evicted: () => this.#metrics.limitHit('pendingConnections'),
      gaveWay: () => this.#metrics.limitHit('connections'),
      paced: () => this.#metrics.limitHit('handshakesPerSecond'),
      acceptFailed: (code) => this.#log.error({ listener, code }, 'accepting failed'),
    }
  }

  #tlsEvents(listener: string): ListenTlsEvents<Identity> {
    return {
      ...this.#events(listener),
      handshakeFailed: (code) => {
        const timedOut = code === 'ERR_TLS_HANDSHAKE_TIMEOUT'
        this.#metrics.handshakeFailed(timedOut ? 'timeout' : 'protocol')
        if (timedOut) this.#metrics.limitHit('handshakeMs')
        this.#log.debug({ listener, code }, 'handshake failed')
      },
      turnedAway: (peer) => tellTurnedAway(listener, peer, this.#told),
    }
  }
}

function isOkapi(identity: Identity): boolean {
  return identity.kind === 'module' && identity.product === 'okapi'
}

/** The names of the listeners in the ready line. */
export type BoundAddresses = Partial<Record<Direction, string>>
