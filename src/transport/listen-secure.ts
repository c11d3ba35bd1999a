import { createServer as createTcpServer } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { errorCode, fault } from '../fault.ts'
import { formatAddress } from './address.ts'
import type { ConnectionSlot, SlotLimits } from './connection-slots.ts'
import { HandshakePace } from './handshake-pace.ts'
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
  readonly limits: SlotLimits & {
    readonly handshakeMs: number
    /** Of one address, of one identity; 0 without a limit. */
    readonly handshakesPerSecond: number
  }
  /** What may be spoken inside, the dearest first; `http/1.1` alone when left out. */
  readonly alpn?: readonly string[]
  readonly events?: ListenEvents & HandshakeEvents
}

/** A TLS server, and the listener that gives it its connections. */
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
  // During the handshake no answer is waited for: a peer that ends its side is gone. See below.
  const front = createTcpServer({ ...SERVER_OPTIONS, allowHalfOpen: false })
  const handshakes = new Handshakes<T>()
  const { handshakesPerSecond: perSecond, handshakeMs } = limits
  const paced = () => events.paced?.()
  const pace = new HandshakePace({ perSecond, handshakeMs, clock, paced })
  const listening = new BoundListener(front, options, (socket, slot) => {
    pace.begin(socket, slot, () => {
      handshakes.begin(socket, slot, inForce())
      if (!socket.destroyed) server.emit('connection', socket)
    })
  })
  server.on('tlsClientError', (error, socket) => {
    events.handshakeFailed?.(errorCode(error) ?? 'unknown')
    // When the time is over Node says so, and leaves the socket open.
    socket.destroy()
  })
  server.on('secureConnection', (socket) => {
    const handshake = handshakes.end(socket)
    if (handshake === undefined) return
    pace.weigh(handshake.socket.bytesRead, handshake.slot)
    socket.disableRenegotiation()
    socket.allowHalfOpen = SERVER_OPTIONS.allowHalfOpen
    onSecure(socket, handshake.began, handshake.slot)
  })
  await listening.start(options)
  return { listening, server }
}
