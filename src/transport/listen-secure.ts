import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { errorCode, fault } from '../fault.ts'
import { formatAddress } from './address.ts'
import type { ConnectionSlot, SlotLimits } from './connection-slots.ts'
import { Handshakes } from './handshakes.ts'
import {
  BoundListener,
  type ListenEvents,
  type ListenOptions,
  SERVER_OPTIONS,
} from './listening.ts'
import { ALPN_HTTP1 } from './tls-options.ts'

/** What a listener for TLS tells on top. */
export interface HandshakeEvents {
  /**
   * A handshake did not come to its end: Node's code, `ERR_TLS_HANDSHAKE_TIMEOUT` when it was out of
   * time, `ECONNRESET` when the peer left. Once for each connection.
   */
  handshakeFailed?(code: string): void
}

/** What every listener for TLS needs. */
export interface SecureOptions extends ListenOptions {
  readonly limits: SlotLimits & { readonly handshakeMs: number }
  /** What may be spoken inside, the dearest first; `http/1.1` alone when left out. */
  readonly alpn?: readonly string[]
  readonly events?: ListenEvents & HandshakeEvents
}

/** A TLS server that listens. */
export interface Secure {
  readonly listening: BoundListener
  readonly server: Server
}

/**
 * Listens for TLS; `onSecure` sees a connection when its handshake is over, and what `inForce` gave
 * when it began.
 * Throws a Fault when the address cannot be had.
 */
export async function listenSecure<T>(
  options: SecureOptions,
  context: TlsOptions,
  inForce: () => T,
  onSecure: (socket: TLSSocket, began: T, slot: ConnectionSlot) => void,
): Promise<Secure> {
  const { address, limits, alpn = [ALPN_HTTP1], events = {} } = options
  if ('path' in address) {
    throw fault(`cannot listen on ${formatAddress(address)}: TLS is served over TCP only`, {
      hint: 'give it a host and a port',
    })
  }
  const server = createServer({
    ...SERVER_OPTIONS,
    ...context,
    // During the handshake nobody waits for an answer: who ends it is gone. See below.
    allowHalfOpen: false,
    handshakeTimeout: limits.handshakeMs,
    ALPNProtocols: [...alpn],
  })
  const handshakes = new Handshakes<T>()
  const listening = new BoundListener(server, options, (socket, slot) =>
    handshakes.begin(socket, slot, inForce()),
  )
  server.on('tlsClientError', (error, socket) => {
    events.handshakeFailed?.(errorCode(error) ?? 'unknown')
    // When the time is over Node says so, and leaves the socket open.
    socket.destroy()
  })
  server.on('secureConnection', (socket) => {
    const handshake = handshakes.end(socket)
    if (handshake === undefined) return
    socket.disableRenegotiation()
    socket.allowHalfOpen = SERVER_OPTIONS.allowHalfOpen
    onSecure(socket, handshake.began, handshake.slot)
  })
  await listening.start(address, options.shared)
  return { listening, server }
}
