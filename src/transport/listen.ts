import { randomUUID } from 'node:crypto'
import { createServer as createNetServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { errorCode } from '../fault.ts'
import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import type { Address } from './address.ts'
import type { CoarseClock } from './clock.ts'
import { type Judge, judgeSocket } from './gate.ts'
import { type HandshakeEvents, Handshakes } from './handshakes.ts'
import { type ListenEvents, type Listener, Listening, SERVER_OPTIONS } from './listening.ts'
import type { LivePeer, LiveSet } from './live-set.ts'
import { ALPN_HTTP1, contextOptions, type Material } from './tls-options.ts'
import { turnAway } from './turn-away.ts'

/** Options of a listener without TLS. */
export interface ListenOptions {
  readonly address: Address
  readonly limits: { readonly connections: number }
  readonly clock: CoarseClock
  readonly events?: ListenEvents
}

/** Listens for plain connections. Throws a Fault when the address cannot be had. */
export async function listenPlain(
  options: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<Listener> {
  const { address, limits, clock, events = {} } = options
  const server = createNetServer({ ...SERVER_OPTIONS })
  const listening = new Listening(server, limits.connections, clock, events)
  server.on('connection', onConnection)
  await listening.start(address)
  return listening
}

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

/** What a TLS listener tells on top. */
export interface ListenTlsEvents<I> extends ListenEvents, HandshakeEvents {
  turnedAway?(peer: TurnedAwayPeer<I>): void
}

/** Options of a listener for mutual TLS. */
export interface ListenTlsOptions<I, R> extends ListenOptions {
  readonly limits: {
    readonly connections: number
    readonly connectionsPerPeer: number
    readonly handshakeMs: number
  }
  readonly material: Material
  readonly judge: Judge<I>
  /** Where proven connections are kept and counted by peer. */
  readonly live: LiveSet<I, R>
  /** What may be spoken inside, the dearest first; `http/1.1` alone when left out. */
  readonly alpn?: readonly string[]
  readonly events?: ListenTlsEvents<I>
}

/** A listener for TLS, whose key and trust can be replaced while it listens. */
export interface TlsListener extends Listener {
  /** For handshakes from now on. Throws, and keeps the old material, when it does not fit. */
  setMaterial(material: Material): void
}

/**
 * Listens for mutual TLS. `onPeer` sees only peers that passed the gate, before any byte of theirs
 * was read; `socket.alpnProtocol` says what they speak. All others are turned away.
 * Throws a Fault when the address cannot be had, an Error when the material makes no context.
 */
export async function listenTls<I, R>(
  options: ListenTlsOptions<I, R>,
  onPeer: (peer: LivePeer<I, R>) => void,
): Promise<TlsListener> {
  const { address, limits, clock, material, alpn = [ALPN_HTTP1], events = {} } = options
  const server = createTlsServer({
    ...SERVER_OPTIONS,
    ...contextOptions(material),
    // During the handshake nobody waits for an answer: who ends it is gone. See below.
    allowHalfOpen: false,
    // The gate refuses, not Node: only so does anybody learn the reason.
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeMs,
    ALPNProtocols: [...alpn],
  })
  const listening = new Listening(server, limits.connections, clock, events)
  const handshakes = new Handshakes(limits.handshakeMs, clock, events)
  server.on('connection', (socket: Socket) => handshakes.begin(socket))
  server.on('tlsClientError', (error, socket) => handshakes.failed(error, socket))
  server.on('secureConnection', (socket) => {
    if (!handshakes.end(socket)) return
    socket.disableRenegotiation()
    socket.allowHalfOpen = SERVER_OPTIONS.allowHalfOpen
    const peer = admit(socket, options)
    if (peer !== null) onPeer(peer)
  })
  await listening.start(address)
  return Object.assign(listening, {
    setMaterial: (next: Material) => server.setSecureContext(contextOptions(next)),
  })
}

/** The peer, taken into the live set; null when it was turned away. */
function admit<I, R>(socket: TLSSocket, options: ListenTlsOptions<I, R>): LivePeer<I, R> | null {
  const { judge, live, limits, clock, events = {} } = options
  const turn = (refusal: Refusal, identity: I | null): null => {
    const { remoteAddress, remotePort } = socket
    const requestId = randomUUID()
    turnAway(socket, refusal, { proven: identity !== null, requestId }, clock)
    events.turnedAway?.({ refusal, requestId, remoteAddress, remotePort, identity })
    return null
  }
  const proven = judgeSocket(socket, 'client', judge)
  if (isRefusal(proven)) return turn(proven, null)
  try {
    if (live.acceptedFrom(proven.identity) >= limits.connectionsPerPeer) {
      const because = `${limits.connectionsPerPeer} connections of this peer are open already`
      return turn(refuse('too-many', because), proven.identity)
    }
    return live.add(socket, proven)
  } catch (error) {
    const because = `no record could be made of the peer: ${errorCode(error) ?? String(error)}`
    return turn(refuse('untrusted-certificate', because), null)
  }
}
