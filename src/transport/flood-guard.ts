import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { floodError } from '../refusal/record-overhead.ts'
import { type Carrier, handleBelow, holdBack, letRead } from './below.ts'
import type { CoarseClock } from './clock.ts'
import type { ConnectionSlot } from './connection-slots.ts'
import { HeldReads } from './held-reads.ts'
import { KeyUpdates, tellsOfKeyUpdate } from './key-updates.ts'

/** The TCP connection below one connection of a listener. */
class Guarded implements Carrier {
  readonly carrier: Socket
  readonly slot: ConnectionSlot
  /** Null until the handshake is over. */
  socket: TLSSocket | null = null
  updates: KeyUpdates | null = null
  readonly #whenBusy: (guarded: Guarded) => void

  constructor(carrier: Socket, slot: ConnectionSlot, whenBusy: (guarded: Guarded) => void) {
    this.carrier = carrier
    this.slot = slot
    this.#whenBusy = whenBusy
  }

  get bytesRead(): number {
    return this.carrier.bytesRead
  }

  get isProven(): boolean {
    return this.slot.caller !== this.slot.origin.network
  }

  busy(): void {
    this.#whenBusy(this)
  }

  holdBack(): boolean {
    return this.carrier.destroyed || holdBack(handleBelow(this.carrier))
  }

  letRead(): void {
    letRead(handleBelow(this.carrier))
  }

  cut(): void {
    if (this.socket === null) this.carrier.destroy()
    else this.socket.destroy(floodError())
  }
}

/**
 * Keeps the connections of one listener from blocking the event loop with KeyUpdate messages or with records of a few bytes each.
 * The kernel may report many connections as readable at once, and Node reads up to 2 MiB from each, which takes 1.4 s. So when the
 * first one floods, already during its read, all that might do the same are not read in this turn; they are read again one by one,
 * the networks in rotation. A connection that floods with KeyUpdate messages is cut, and so are the others of the same caller at
 * the same address.
 */
export class FloodGuard {
  readonly #clock: CoarseClock
  readonly #all = new Set<Guarded>()
  readonly #byCarrier = new WeakMap<Socket, Guarded>()
  readonly #bySocket = new WeakMap<TLSSocket, Guarded>()
  /** Held connections by address. */
  readonly #held = new HeldReads<Guarded>()

  constructor(clock: CoarseClock) {
    this.#clock = clock
  }

  /** Called when a handshake begins. */
  add(carrier: Socket, slot: ConnectionSlot): void {
    const guarded = new Guarded(carrier, slot, this.#busy)
    this.#all.add(guarded)
    this.#byCarrier.set(carrier, guarded)
    carrier.once('close', () => {
      this.#all.delete(guarded)
      this.#held.drop(slot.origin.network, guarded)
    })
  }

  /** Called after its handshake. @returns the TCP connection below it */
  secured(carrier: Socket, socket: TLSSocket): Carrier {
    const guarded = this.#byCarrier.get(carrier)
    if (guarded === undefined) return carrier
    guarded.socket = socket
    this.#bySocket.set(socket, guarded)
    return guarded
  }

  /** Handles Node's `keylog`, which comes during a read. */
  readonly keylog = (line: Buffer, socket: TLSSocket): void => {
    if (!tellsOfKeyUpdate(line) || socket.destroyed) return
    const guarded = this.#bySocket.get(socket)
    // No KeyUpdate is allowed before the end of the handshake.
    if (guarded === undefined) return void socket.destroy()
    guarded.updates ??= new KeyUpdates(this.#clock.now)
    if (guarded.updates.isOneTooMany(this.#clock.now)) this.#flooded(guarded)
  }

  #flooded(flooder: Guarded): void {
    flooder.cut()
    const { address } = flooder.slot.origin
    for (const other of this.#like(flooder)) {
      if (other.isProven && other.slot.origin.address === address) other.cut()
      else this.#hold(other)
    }
  }

  /** So many records came in this turn that other connections wait. */
  readonly #busy = (guarded: Guarded): void => {
    this.#hold(guarded, true)
    for (const other of this.#like(guarded)) this.#hold(other)
  };

  /** Connections that might do the same: those of its caller, and all unauthenticated ones. */
  *#like(one: Guarded): Iterable<Guarded> {
    for (const other of this.#all) {
      const isLike = !other.isProven || other.slot.caller === one.slot.caller
      if (isLike && other !== one && !other.carrier.destroyed) yield other
    }
  }

  /** If Node does not allow holding it, it is cut, because it could send as much. */
  #hold(guarded: Guarded, isSlow = false): void {
    if (!this.#held.hold(guarded.slot.origin.network, guarded, isSlow)) guarded.cut()
  }
}
