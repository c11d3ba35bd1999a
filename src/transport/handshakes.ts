import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { errorCode } from '../fault.ts'
import { connectionKey } from './address.ts'
import type { CoarseClock, Ticking } from './clock.ts'

export interface HandshakeEvents {
  /** The handshake did not come to an end: Node's code, or `ERR_TLS_HANDSHAKE_TIMEOUT`. */
  handshakeFailed?(code: string): void
}

interface Underway<T> {
  readonly socket: Socket
  readonly deadline: number
  readonly began: T
  /** Why it failed, once it has. */
  code: string | undefined
}

/**
 * The handshakes under way on one listener, each with an end to our patience. Node's own
 * `handshakeTimeout` begins anew with every byte, so a peer that sends one now and then would hold
 * its place for ever. Each that fails is told once, when its socket closes.
 *
 * `T` is what was in force when a handshake began: it may have been replaced when it ends.
 */
export class Handshakes<T> implements Ticking {
  readonly #handshakeMs: number
  readonly #clock: CoarseClock
  readonly #events: HandshakeEvents
  // The TLS socket does not name the socket below it (in documented API), but shares its addresses.
  readonly #underway = new Map<string, Underway<T>>()

  constructor(handshakeMs: number, clock: CoarseClock, events: HandshakeEvents) {
    this.#handshakeMs = handshakeMs
    this.#clock = clock
    this.#events = events
  }

  /** A connection was accepted. */
  begin(socket: Socket, began: T): void {
    const key = connectionKey(socket)
    if (key === undefined) {
      // Gone before it was looked at.
      this.#events.handshakeFailed?.('ECONNRESET')
      socket.destroy()
      return
    }
    const deadline = this.#clock.now + this.#handshakeMs
    const entry: Underway<T> = { socket, deadline, began, code: undefined }
    if (this.#underway.size === 0) this.#clock.watch(this)
    this.#underway.set(key, entry)
    socket.once('close', () => {
      if (this.#underway.get(key) !== entry) return
      this.#forget(key)
      this.#events.handshakeFailed?.(entry.code ?? 'ECONNRESET')
    })
  }

  /** Its handshake is over; undefined when nobody can say which one it was, and it is destroyed. */
  end(socket: TLSSocket): { readonly began: T } | undefined {
    const key = connectionKey(socket)
    const entry = key === undefined ? undefined : this.#underway.get(key)
    if (key === undefined || entry === undefined) socket.destroy()
    else this.#forget(key)
    return entry
  }

  /** Its handshake went wrong. */
  failed(error: Error, socket: TLSSocket): void {
    const key = connectionKey(socket)
    const entry = key === undefined ? undefined : this.#underway.get(key)
    if (entry !== undefined) entry.code ??= errorCode(error) ?? 'unknown'
    socket.destroy()
  }

  tick(now: number): void {
    // Oldest first: a Map keeps the order in which the handshakes began.
    for (const entry of this.#underway.values()) {
      if (now < entry.deadline) return
      entry.code ??= 'ERR_TLS_HANDSHAKE_TIMEOUT'
      entry.socket.destroy()
    }
  }

  #forget(key: string): void {
    this.#underway.delete(key)
    if (this.#underway.size === 0) this.#clock.unwatch(this)
  }
}
