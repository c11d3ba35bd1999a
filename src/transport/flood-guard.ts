import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { floodError } from '../refusal/record-overhead.ts'
import { holdBack, letRead } from './below.ts'
import type { CoarseClock } from './clock.ts'
import type { ConnectionSlot } from './connection-slots.ts'
import { KeyUpdates, tellsOfKeyUpdate } from './key-updates.ts'

/** An exchange of others takes some turns: so many may pass between two that might flood. */
const TURNS_OF_ONE = 4

interface Guarded {
  readonly carrier: Socket
  readonly slot: ConnectionSlot
  /** Null until the handshake is over. */
  socket: TLSSocket | null
  updates: KeyUpdates | null
}

/**
 * Keeps the connections of one listener from holding the event loop with KeyUpdate messages. The kernel may report many
 * connections as readable at once, and Node reads up to 2 MiB of each: 1.4 s. So with the first that floods, in the
 * midst of its read, the others of its caller at the same address are cut, and all that might do the same are not read in this
 * turn: they are let read again one by one, the addresses in rotation.
 */
export class FloodGuard {
  readonly #clock: CoarseClock
  readonly #all = new Set<Guarded>()
  readonly #byCarrier = new WeakMap<Socket, Guarded>()
  readonly #bySocket = new WeakMap<TLSSocket, Guarded>()
  #rotates = false
  #turns = 0
  /** Not read now, by address. */
  readonly #held = new Map<string, Set<Guarded>>()

  constructor(clock: CoarseClock) {
    this.#clock = clock
  }

  /** A handshake begins. */
  add(carrier: Socket, slot: ConnectionSlot): void {
    const guarded: Guarded = { carrier, slot, socket: null, updates: null }
    this.#all.add(guarded)
    this.#byCarrier.set(carrier, guarded)
    carrier.once('close', () => this.#remove(guarded))
  }

  /** Its handshake is over. */
  secured(carrier: Socket, socket: TLSSocket): void {
    const guarded = this.#byCarrier.get(carrier)
    if (guarded === undefined) return
    guarded.socket = socket
    this.#bySocket.set(socket, guarded)
  }

  /** Node's `keylog`, in the midst of a read. */
  readonly keylog = (line: Buffer, socket: TLSSocket): void => {
    if (!tellsOfKeyUpdate(line) || socket.destroyed) return
    const guarded = this.#bySocket.get(socket)
    // There is none before the handshake is over.
    if (guarded === undefined) return void socket.destroy()
    guarded.updates ??= new KeyUpdates(this.#clock.now)
    if (guarded.updates.isOneTooMany(this.#clock.now)) this.#flooded(guarded)
  }

  #flooded(flooder: Guarded): void {
    cut(flooder)
    for (const other of this.#all) {
      if (other.carrier.destroyed || other === flooder) continue
      const isProven = other.slot.caller !== other.slot.origin.network
      const isSame = other.slot.caller === flooder.slot.caller
      if (isProven && !isSame) continue
      if (isProven && other.slot.origin.address === flooder.slot.origin.address) cut(other)
      else this.#hold(other)
    }
  }

  /** Where Node does not let us, it is ended: it could bring as much. */
  #hold(guarded: Guarded): void {
    if (!holdBack(guarded.carrier)) return cut(guarded)
    const { address } = guarded.slot.origin
    const same = this.#held.get(address)
    if (same !== undefined) return void same.add(guarded)
    this.#held.set(address, new Set([guarded]))
    if (this.#rotates) return
    this.#rotates = true
    this.#turns = 0
    setImmediate(this.#letOneRead)
  }

  readonly #letOneRead = (): void => {
    this.#rotates = this.#held.size > 0
    if (this.#rotates) setImmediate(this.#letOneRead)
    this.#turns = (this.#turns + 1) % TURNS_OF_ONE
    if (this.#turns > 0) return
    for (const [address, [next]] of this.#held) {
      if (next === undefined) continue
      this.#remove(next, false)
      const others = this.#held.get(address)
      if (others !== undefined) {
        this.#held.delete(address)
        this.#held.set(address, others)
      }
      return letRead(next.carrier)
    }
  }

  #remove(guarded: Guarded, isGone = true): void {
    if (isGone) this.#all.delete(guarded)
    const { address } = guarded.slot.origin
    const held = this.#held.get(address)
    held?.delete(guarded)
    if (held?.size === 0) this.#held.delete(address)
  }
}

function cut({ carrier, socket }: Guarded): void {
  if (socket === null) carrier.destroy()
  else socket.destroy(floodError())
}
