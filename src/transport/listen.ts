import { createServer, type Socket } from 'node:net'
import { type Admission, type AdmissionEvents, admit } from './admit.ts'
import type { CoarseClock } from './clock.ts'
import type { ConnectionSlot } from './connection-slots.ts'
import { Budgets } from './handshake-pace.ts'
import { type HandshakeEvents, listenSecure, type SecureOptions } from './listen-secure.ts'
import {
  BoundListener,
  type ListenEvents,
  type ListenOptions,
  SERVER_OPTIONS,
  type SocketListener,
} from './listening.ts'
import type { LivePeer } from './live-set.ts'
import { contextOptions, type Material } from './tls-options.ts'

export type { TurnedAwayPeer } from './admit.ts'

/**
 * Listens for plain connections. `onConnection` has to add an `error` listener at once, and to settle
 * the slot when the caller has sent its first head.
 * Throws a Fault when the address cannot be had.
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

/** What a listener for mutual TLS tells on top. */
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
 * Listens for mutual TLS. `onPeer` sees only peers that passed the gate, before any byte of theirs
 * was read, and has to add an `error` listener at once; `socket.alpnProtocol` says what they speak.
 * All others are turned away. `shown` is what we proved ourselves with: it may have been replaced
 * during the handshake.
 * Throws a Fault when the address cannot be had, an Error when the material makes no context.
 */
export async function listenTls<I, R>(
  options: ListenTlsOptions<I, R>,
  onPeer: (peer: LivePeer<I, R>, shown: Material, slot: ConnectionSlot) => void,
): Promise<TlsListener> {
  // The gate refuses, not Node: only so does anybody learn the reason.
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
