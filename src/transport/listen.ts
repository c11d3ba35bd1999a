import { createServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionSlot } from './connection-slots.ts'
import { listenSecure, type SecureOptions } from './listen-secure.ts'
import {
  BoundListener,
  type ListenOptions,
  SERVER_OPTIONS,
  type SocketListener,
} from './listening.ts'
import { type PublicKeyPair, publicContextOptions } from './tls-options.ts'

export type { PublicKeyPair } from './tls-options.ts'

/**
 * Listens for plain connections. `onConnection` must add an `error` listener at once, and settle
 * the slot when the caller has sent its first head. Throws a Fault when the address cannot be
 * bound.
 */
export async function listenPlain(
  options: ListenOptions,
  onConnection: (socket: Socket, slot: ConnectionSlot) => void,
): Promise<SocketListener> {
  const server = createServer({ ...SERVER_OPTIONS })
  const listening = new BoundListener(server, options, onConnection)
  await listening.start(options)
  return listening
}

/** Options of a listener for TLS whose clients prove nothing: browsers, load balancers. */
export interface ListenPublicOptions extends SecureOptions {
  readonly pair: PublicKeyPair
}

/** A listener whose certificate can be replaced while it listens. */
export interface PublicListener extends SocketListener {
  /** For handshakes from now on. Throws, and keeps the old pair, when it does not fit. */
  setPair(pair: PublicKeyPair): void
}

/**
 * Listens for TLS and asks for no certificate: every caller is `public`. `onConnection` must add an
 * `error` listener at once, and settle the slot only when the caller has sent its first head,
 * because a handshake is cheap for any stranger. Throws a Fault when the address cannot be bound,
 * an Error when no TLS context can be made from the pair.
 */
export async function listenPublic(
  options: ListenPublicOptions,
  onConnection: (socket: TLSSocket, slot: ConnectionSlot) => void,
): Promise<PublicListener> {
  const context = { ...publicContextOptions(options.pair), requestCert: false }
  const { listening, server } = await listenSecure(
    options,
    context,
    () => {},
    (socket, _, slot) => onConnection(socket, slot),
  )
  return Object.assign(listening, {
    setPair: (next: PublicKeyPair) => server.setSecureContext(publicContextOptions(next)),
  })
}
