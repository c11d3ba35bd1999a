import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { errorCode } from '../fault.ts'
import { connectionKey } from './address.ts'
import type { CoarseClock, Ticking } from './clock.ts'

export interface HandshakeEvents {
  handshakeFailed?(code: string): void
}

interface Underway {
  readonly socket: Socket
  readonly deadline: number
}

/**
 * The handshakes under way on one listener, each with an end to its patience. Node's own
 * `handshakeTimeout` begins anew with every byte, so a peer that sends one now and then would hold
 * its place for ever.
 */
export class Handshakes implements Ticking {
  readonly #handshakeMs: number
  readonly #clock: CoarseClock
  readonly #events: HandshakeEvents
  // The TLS socket does not name the socket below it (in documented API), but shares its addresses.
  readonly #underway = new Map<string, Underway>()

  constructor(handshakeMs: number, clock: CoarseClock, events: HandshakeEvents) {
    this.#handshakeMs = handshakeMs
    this.#clock = clock
    this.#events = events
  }

  /** A connection was accepted. */
  begin(socket: Socket): void {
    const key = connectionKey(socket)
    if (key === undefined) {
      socket.destroy()
      return
    }
    const entry = { socket, deadline: this.#clock.now + this.#handshakeMs }
    if (this.#underway.size === 0) this.#clock.watch(this)
    this.#underway.set(key, entry)
    socket.once('close', () => {
      if (this.#underway.get(key) === entry) this.#forget(key)
    })
  }

  /** Its handshake is over; false when nobody can say which one it was, and it is destroyed. */
  end(socket: TLSSocket): boolean {
    const key = connectionKey(socket)
    if (key !== undefined && this.#underway.has(key)) {
      this.#forget(key)
      return true
    }
    socket.destroy()
    return false
  }

  /** Its handshake went wrong. */
  failed(error: Error, socket: TLSSocket): void {
    this.#events.handshakeFailed?.(errorCode(error) ?? 'unknown')
    socket.destroy()
  }

  tick(now: number): void {
    // Oldest first: a Map keeps the order in which the handshakes began.
    for (const { socket, deadline } of this.#underway.values()) {
      if (now < deadline) return
      this.#events.handshakeFailed?.('ERR_TLS_HANDSHAKE_TIMEOUT')
      socket.destroy()
    }
  }

  #forget(key: string): void {
    this.#underway.delete(key)
    if (this.#underway.size === 0) this.#clock.unwatch(this)
  }
}
