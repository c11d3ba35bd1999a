import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Handshakes } from './handshakes.ts'
import type { ListenOptions, ListenTlsEvents } from './listen.ts'
import { type Listener, Listening, SERVER_OPTIONS } from './listening.ts'
import { ALPN_HTTP1, protocolOptions } from './tls-options.ts'

/** What a browser is shown. */
export interface PublicKeyPair {
  readonly key: string
  /** Leaf first. */
  readonly cert: string
}

export interface ListenPublicOptions extends ListenOptions {
  readonly limits: { readonly connections: number; readonly handshakeMs: number }
  readonly pair: PublicKeyPair
  readonly events?: Omit<ListenTlsEvents<never>, 'turnedAway'>
}

/** A listener whose certificate can be replaced while it listens. */
export interface PublicListener extends Listener {
  setPair(pair: PublicKeyPair): void
}

/**
 * Listens for TLS without client certificates: whoever connects is nobody in particular. Throws a
 * Fault when the address cannot be had.
 */
export async function listenPublic(
  options: ListenPublicOptions,
  onConnection: (socket: TLSSocket) => void,
): Promise<PublicListener> {
  const { address, limits, clock, pair, events = {} } = options
  const server = createServer({
    ...SERVER_OPTIONS,
    ...contextOf(pair),
    requestCert: false,
    handshakeTimeout: limits.handshakeMs,
    ALPNProtocols: [ALPN_HTTP1],
  })
  const listening = new Listening(server, limits.connections, clock, events)
  const handshakes = new Handshakes(limits.handshakeMs, clock, events)
  server.on('connection', (socket: Socket) => handshakes.begin(socket))
  server.on('tlsClientError', (error, socket) => handshakes.failed(error, socket))
  server.on('secureConnection', (socket) => {
    if (!handshakes.end(socket)) return
    socket.disableRenegotiation()
    onConnection(socket)
  })
  await listening.start(address)
  return Object.assign(listening, {
    setPair: (next: PublicKeyPair) => server.setSecureContext(contextOf(next)),
  })
}

function contextOf({ key, cert }: PublicKeyPair) {
  return { ...protocolOptions(), key, cert }
}
