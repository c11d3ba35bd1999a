import { randomUUID } from 'node:crypto'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { errorCode, fault } from '../fault.ts'
import type { Limit } from '../refusal/limits.ts'
import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import { formatAddress } from './address.ts'
import { type Authenticator, authenticate } from './authenticate.ts'
import { below, carries } from './below.ts'
import type { CoarseClock } from './clock.ts'
import type { ConnectionSlot, SlotLimits } from './connection-slots.ts'
import { FloodGuard } from './flood-guard.ts'
import { Budgets, HandshakePace } from './handshake-pace.ts'
import { Handshakes } from './handshakes.ts'
import {
  BoundListener,
  type ListenEvents,
  type ListenOptions,
  SERVER_OPTIONS,
  type SocketListener,
} from './listening.ts'
import type { LivePeer, LiveSet } from './live-set.ts'
import { ALPN_HTTP1, contextOptions, type Material } from './tls-options.ts'
import { turnAway } from './turn-away.ts'

/** Additional events of a TLS listener. */
export interface HandshakeEvents {
  /**
   * A handshake did not finish: Node's code, `ERR_TLS_HANDSHAKE_TIMEOUT` when it was out of time,
   * `ECONNRESET` when the peer left. Once for each connection.
   */
  handshakeFailed?(code: string): void
}

/** What every listener for TLS needs. */
export interface SecureOptions extends ListenOptions {
  readonly limits: SlotLimits & {
    readonly handshakeMs: number
    /** Of one address, of one identity; 0 without a limit. */
    readonly handshakesPerSecond: number
    /** 0: KeyUpdate messages may come without end. */
    readonly recordOverheadBytesPerSecond?: number
  }
  /** What may be spoken inside, the dearest first; `http/1.1` alone when left out. */
  readonly alpn?: readonly string[]
  readonly events?: ListenEvents & HandshakeEvents
}

/** A TLS server, and the listener that passes connections to it. */
export interface Secure {
  readonly listening: BoundListener
  readonly server: Server
}

/** A peer that was refused after its handshake, for log and metrics. */
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

/** What is needed to accept or refuse a peer. */
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

/** Additional events of a mutual TLS listener. */
export type ListenTlsEvents<I> = ListenEvents & HandshakeEvents & AdmissionEvents<I>

/** Options of a listener for mutual TLS. */
export interface ListenTlsOptions<I, R> extends SecureOptions, Admission<I, R> {
  readonly limits: SecureOptions['limits'] & Admission<I, R>['limits']
  readonly clock: CoarseClock
  readonly material: Material
  readonly events?: ListenTlsEvents<I>
}

/** A listener for mutual TLS, whose key and trust can be replaced while it listens. */
export interface TlsListener extends SocketListener {
  /** For handshakes from now on. Throws, and keeps the old material, when it does not fit. */
  setMaterial(material: Material): void
}

/**
 * Listens for mutual TLS. The steps of a connection, in order: accepted and paced, handshake
 * (`listenSecure`); authenticated, checked against its shares (`admit`); then passed to `onPeer`,
 * or refused. `onPeer` gets only peers that passed all of it, before any byte of theirs was read,
 * and must add an `error` listener at once; `socket.alpnProtocol` is their protocol. `shown` is the
 * material that we presented: it may have been replaced during the handshake. Throws a Fault when
 * the address cannot be bound, an Error when no TLS context can be made from the material.
 */
export async function listenTls<I, R>(
  options: ListenTlsOptions<I, R>,
  onPeer: (peer: LivePeer<I, R>, shown: Material, slot: ConnectionSlot) => void,
): Promise<TlsListener> {
  // The sidecar refuses, not Node: only then is the reason known.
  const asking = { requestCert: true, rejectUnauthorized: false }
  const handshakes = new Budgets(options.limits.handshakesPerSecond)
  let { material } = options
  const { listening, server } = await listenSecure(
    options,
    { ...contextOptions(material), ...asking },
    () => material,
    (socket, shown, slot) => {
      const peer = admit(socket, slot, options, handshakes)
      if (peer !== null) onPeer(peer, shown, slot)
    },
  )
  return Object.assign(listening, {
    setMaterial: (next: Material) => {
      server.setSecureContext(contextOptions(next))
      material = next
    },
  })
}

/**
 * Listens for TLS; `onSecure` gets a connection when its handshake is over, and the value of
 * `inForce` when it began. Throws a Fault when the address cannot be bound.
 */
export async function listenSecure<T>(
  options: SecureOptions,
  context: TlsOptions,
  inForce: () => T,
  onSecure: (socket: TLSSocket, began: T, slot: ConnectionSlot) => void,
): Promise<Secure> {
  const { address, limits, clock, alpn = [ALPN_HTTP1], events = {} } = options
  if ('path' in address) {
    throw fault(`cannot listen on ${formatAddress(address)}: TLS is served over TCP only`, {
      hint: 'give it a host and a port',
    })
  }
  const server = createServer({
    ...context,
    handshakeTimeout: limits.handshakeMs,
    ALPNProtocols: [...alpn],
  })
  // During the handshake there is no answer to wait for: a peer that ends its side is gone. See
  // below.
  const front = createTcpServer({ ...SERVER_OPTIONS, allowHalfOpen: false })
  const { handshakesPerSecond: perSecond, handshakeMs } = limits
  const paced = () => events.paced?.()
  const pace = new HandshakePace({ perSecond, handshakeMs, clock, paced })
  const weigh = ({ bytesRead }: Socket, slot: ConnectionSlot) => pace.weigh(bytesRead, slot)
  const handshakes = new Handshakes<T>(weigh)
  const guard = new FloodGuard(clock)
  if (limits.recordOverheadBytesPerSecond !== 0) server.on('keylog', guard.keylog)
  const listening = new BoundListener(front, options, (socket, slot) => {
    pace.begin(socket, slot, () => {
      handshakes.begin(socket, slot, inForce())
      guard.add(socket, slot)
      if (!socket.destroyed) server.emit('connection', socket)
    })
  })
  server.on('tlsClientError', (error, socket) => {
    events.handshakeFailed?.(errorCode(error) ?? 'unknown')
    // When the time is over Node reports it, and leaves the socket open.
    socket.destroy()
  })
  server.on('secureConnection', (socket) => {
    const handshake = handshakes.end(socket)
    if (handshake === undefined) return
    carries(guard.secured(handshake.socket, socket), socket)
    weigh(handshake.socket, handshake.slot)
    socket.disableRenegotiation()
    socket.allowHalfOpen = SERVER_OPTIONS.allowHalfOpen
    onSecure(socket, handshake.began, handshake.slot)
  })
  await listening.start(options)
  return { listening, server }
}

/**
 * Adds the peer of an accepted connection to the live set; null when it was refused. Never throws:
 * a peer for which no key or record can be made is refused.
 */
function admit<I, R>(
  socket: TLSSocket,
  slot: ConnectionSlot,
  admission: Admission<I, R>,
  handshakes: Budgets,
): LivePeer<I, R> | null {
  const { authenticator, live, limits, clock, handshakeTimes } = admission
  const proven = authenticate(socket, 'client', authenticator)
  if (isRefusal(proven)) return turnedAway(socket, slot, proven, null, admission)
  try {
    if (live.acceptedFrom(proven.identity) >= limits.connectionsPerPeer) {
      const because = `${limits.connectionsPerPeer} connections of this peer are open already`
      return tooMany(socket, slot, because, 'connectionsPerPeer', proven.identity, admission)
    }
    const times = handshakeTimes?.(proven.identity) ?? 1
    const budget = () => handshakes.of(live.keyOf(proven.identity), clock.now, times)
    slot.paidBy((more) => budget()?.charge(clock.now, more))
    if (budget()?.spend(clock.now) === false) {
      const because = `this peer opens more than ${times * limits.handshakesPerSecond} connections per second`
      return tooMany(socket, slot, because, 'handshakesPerSecond', proven.identity, admission)
    }
    slot.caller = live.keyOf(proven.identity)
    if (slot.settle()) return live.add(socket, proven)
    if (slot.overShare) {
      const because = `this peer has ${slot.ofCaller} connections open, which is its share of ${limits.connections} (limits.connections)`
      return tooMany(socket, slot, because, 'connections', proven.identity, admission)
    }
    admission.events?.dropped?.()
    socket.destroy()
    return null
  } catch (error) {
    const because = `no record could be made of the peer: ${String(error)}`
    return turnedAway(socket, slot, refuse('untrusted-certificate', because), null, admission)
  }
}

function tooMany<I, R>(
  socket: TLSSocket,
  slot: ConnectionSlot,
  because: string,
  limit: Limit,
  identity: I,
  admission: Admission<I, R>,
): null {
  return turnedAway(socket, slot, refuse('too-many', because, { limit }), identity, admission)
}

function turnedAway<I, R>(
  socket: TLSSocket,
  slot: ConnectionSlot,
  refusal: Refusal,
  identity: I | null,
  { clock, events }: Admission<I, R>,
): null {
  const { remoteAddress, remotePort } = socket
  const requestId = randomUUID()
  const carrying = below(socket)
  const carried = carrying === null ? undefined : { below: carrying, slot }
  turnAway(socket, refusal, { proven: identity !== null, requestId }, clock, carried)
  events?.turnedAway?.({ refusal, requestId, remoteAddress, remotePort, identity })
  return null
}
