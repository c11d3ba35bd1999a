import { createServer as createNetServer, type Socket } from 'node:net'
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls'
import { fault } from '../fault.ts'
import { type Address, formatAddress } from './address.ts'
import { type Admission, admit } from './admit.ts'
import type { CoarseClock } from './clock.ts'
import { type HandshakeEvents, Handshakes } from './handshakes.ts'
import { type ListenEvents, type Listener, Listening, SERVER_OPTIONS } from './listening.ts'
import type { LivePeer } from './live-set.ts'
import {
  ALPN_HTTP1,
  contextOptions,
  type Material,
  type PublicMaterial,
  publicContextOptions,
} from './tls-options.ts'

/** Options of a listener without TLS. */
export interface ListenOptions {
  readonly address: Address
  readonly limits: { readonly connections: number }
  readonly clock: CoarseClock
  readonly events?: ListenEvents
}

/**
 * Listens for plain connections. `onConnection` has to add an `error` listener at once.
 * Throws a Fault when the address cannot be had.
 */
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

/** What every listener for TLS needs, `M` being its key material. */
interface SecureOptions<M> extends ListenOptions {
  readonly limits: { readonly connections: number; readonly handshakeMs: number }
  readonly material: M
  /** What may be spoken inside, the dearest first; `http/1.1` alone when left out. */
  readonly alpn?: readonly string[]
  readonly events?: ListenEvents & HandshakeEvents
}

/** Options of a listener for mutual TLS. */
export interface ListenTlsOptions<I, R> extends SecureOptions<Material>, Admission<I, R> {
  readonly limits: SecureOptions<Material>['limits'] & Admission<I, R>['limits']
  readonly clock: CoarseClock
  readonly events?: ListenEvents & HandshakeEvents & NonNullable<Admission<I, R>['events']>
}

/** Options of a listener for TLS whose clients prove nothing: browsers, load balancers. */
export interface ListenPublicOptions extends SecureOptions<PublicMaterial> {}

/** A listener for TLS, whose key and trust can be replaced while it listens. */
export interface TlsListener<M = Material> extends Listener {
  /** For handshakes from now on. Throws, and keeps the old material, when it does not fit. */
  setMaterial(material: M): void
}

/**
 * Listens for mutual TLS. `onPeer` sees only peers that passed the gate, before any byte of theirs
 * was read, and has to add an `error` listener at once; `socket.alpnProtocol` says what they speak.
 * All others are turned away.
 * Throws a Fault when the address cannot be had, an Error when the material makes no context.
 */
export function listenTls<I, R>(
  options: ListenTlsOptions<I, R>,
  onPeer: (peer: LivePeer<I, R>) => void,
): Promise<TlsListener> {
  // The gate refuses, not Node: only so does anybody learn the reason.
  const asking = { requestCert: true, rejectUnauthorized: false }
  return listenSecure(options, contextOptions, asking, (socket) => {
    const peer = admit(socket, options)
    if (peer !== null) onPeer(peer)
  })
}

/**
 * Listens for TLS and asks for no certificate. `onConnection` has to add an `error` listener at
 * once. Throws as `listenTls` does.
 */
export function listenPublic(
  options: ListenPublicOptions,
  onConnection: (socket: TLSSocket) => void,
): Promise<TlsListener<PublicMaterial>> {
  return listenSecure(options, publicContextOptions, { requestCert: false }, onConnection)
}

async function listenSecure<M>(
  options: SecureOptions<M>,
  contextOf: (material: M) => SecureContextOptions,
  asking: TlsOptions,
  onSecure: (socket: TLSSocket) => void,
): Promise<TlsListener<M>> {
  const { address, limits, clock, material, alpn = [ALPN_HTTP1], events = {} } = options
  if ('path' in address) {
    throw fault(`cannot listen on ${formatAddress(address)}: TLS is served over TCP only`, {
      hint: 'give it a host and a port',
    })
  }
  const server = createTlsServer({
    ...SERVER_OPTIONS,
    ...contextOf(material),
    ...asking,
    // During the handshake nobody waits for an answer: who ends it is gone. See below.
    allowHalfOpen: false,
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
    onSecure(socket)
  })
  await listening.start(address)
  return Object.assign(listening, {
    setMaterial: (next: M) => server.setSecureContext(contextOf(next)),
  })
}
