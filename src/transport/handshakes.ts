import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { connectionKey } from './address.ts'
import type { ConnectionSlot } from './connection-slots.ts'

interface Underway<T> {
  readonly socket: Socket
  readonly began: T
  readonly slot: ConnectionSlot
}

/**
 * The open handshakes of one listener, each with the material that was in force when it began,
 * because that may have been replaced when it ends. The documented API of a TLS socket does not
 * give the socket below it, but they share their addresses.
 */
export class Handshakes<T> {
  readonly #underway = new Map<string, Underway<T>>()
  readonly #brokenOff: (socket: Socket, slot: ConnectionSlot) => void

  /** @param brokenOff a connection closed before its handshake was over */
  constructor(brokenOff: (socket: Socket, slot: ConnectionSlot) => void) {
    this.#brokenOff = brokenOff
  }

  /** A connection was accepted. */
  begin(socket: Socket, slot: ConnectionSlot, began: T): void {
    const key = connectionKey(socket)
    if (key === undefined) {
      // Gone before it was looked at.
      socket.destroy()
      return
    }
    const entry = { socket, began, slot }
    this.#underway.set(key, entry)
    socket.once('close', () => {
      if (this.#underway.get(key) !== entry) return
      this.#underway.delete(key)
      this.#brokenOff(socket, slot)
    })
  }

  /** Its handshake is over. Undefined if it cannot be assigned to one; then it is destroyed. */
  end(socket: TLSSocket): Underway<T> | undefined {
    const key = connectionKey(socket)
    const entry = key === undefined ? undefined : this.#underway.get(key)
    if (key === undefined || entry === undefined) socket.destroy()
    else this.#underway.delete(key)
    return entry
  }
}
