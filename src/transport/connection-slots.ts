import type { Socket } from 'node:net'
import { type CallerOrigin, originOf } from './address.ts'
import { ConnectionShares, type ServedConnection } from './connection-shares.ts'

/** How many connections one listener keeps. */
export interface SlotLimits {
  /** Those that have settled. */
  readonly connections: number
  /** Reserved for pending ones: their handshake, or their first request, is not complete. */
  readonly pendingConnections: number
}

/**
 * One address, or one network, may have a fourth of the pending connections; beyond that its own
 * are closed for its new ones.
 */
const SHARE_OF_ORIGIN = 4

/** KeyUpdate messages that cost as much CPU as a handshake: 50 of them, of 27 bytes each. */
const BYTES_OF_HANDSHAKE = 1350

/** How a connection was closed to make room. */
export interface SlotEvents {
  /** A pending one was closed for a newer one. */
  evicted?(): void
  /** An idle one was closed for another one that settles. */
  gaveWay?(): void
}

/** One connection of a listener. It begins pending. */
export class ConnectionSlot {
  settled = false
  readonly origin: CallerOrigin
  /**
   * Whose share it counts towards once it has settled: its network, as long as no identity is
   * proven.
   */
  caller: string
  served: ServedConnection | null = null
  readonly #socket: Socket
  readonly #slots: ConnectionSlots
  readonly #payers: ((handshakes: number) => void)[] = []
  #whenSettled: (() => void) | undefined

  constructor(socket: Socket, slots: ConnectionSlots) {
    this.#socket = socket
    this.#slots = slots
    this.origin = originOf(socket.remoteAddress ?? '')
    this.caller = this.origin.network
  }

  /**
   * From now on it is not closed while it is in use. False: the maximum of settled connections is
   * reached.
   */
  settle(): boolean {
    if (this.settled) return true
    if (!this.#slots.settle(this)) return false
    this.#whenSettled?.()
    this.#whenSettled = undefined
    return true
  }

  /** Calls back once, when it settles for the first time. */
  whenSettled(done: () => void): void {
    this.#whenSettled = done
  }

  /** Calls back with what it costs beyond its handshake, in units of handshakes. */
  paidBy(payer: (handshakes: number) => void): void {
    this.#payers.push(payer)
  }

  /**
   * TLS had to read this many bytes without data: its address and its identity are charged for
   * them.
   */
  broughtNothing(bytes: number): void {
    const handshakes = Math.floor(bytes / BYTES_OF_HANDSHAKE)
    if (handshakes > 0) for (const pays of this.#payers) pays(handshakes)
  }

  /** If it could not settle: has its caller used up its share, while there is room for others? */
  get overShare(): boolean {
    return !this.#slots.full
  }

  /** Connections of its caller that have settled. */
  get ofCaller(): number {
    return this.#slots.settledOf(this.caller)
  }

  /** It becomes pending again, behind those that are pending now. */
  rest(): void {
    this.#slots.rest(this)
  }

  /** Closes the connection. */
  close(): void {
    if (this.served === null) this.#socket.destroy()
    else this.served.giveWay()
  }
}

/**
 * The connections of one listener. A connection without a proven identity or a complete request is
 * pending; it never takes the place of a settled one. When all places are taken the oldest pending
 * one is closed for the newest: an honest caller needs only a moment to settle. Which one is
 * closed: one of the address that the newest comes from, or else of its network, if that has more
 * than its share, so that a flood closes its own connections; otherwise the oldest of all, so that
 * a flood from many addresses also closes its own, and not those of a load balancer that has many.
 */
export class ConnectionSlots {
  readonly #limits: SlotLimits
  readonly #events: SlotEvents
  readonly #shares: ConnectionShares<ConnectionSlot>
  readonly #bySocket = new WeakMap<Socket, ConnectionSlot>()
  /** In the order in which they became pending. */
  readonly #pending = new Set<ConnectionSlot>()
  /** The same, by address and network. */
  readonly #byOrigin = new Map<string, Set<ConnectionSlot>>()

  /** @param oneCaller all connections are of one caller, which has all places */
  constructor(limits: SlotLimits, events: SlotEvents = {}, oneCaller = false) {
    this.#limits = limits
    this.#events = events
    this.#shares = new ConnectionShares(limits.connections, oneCaller)
  }

  /** Connections that have a slot. */
  get open(): number {
    return this.#pending.size + this.#shares.taken
  }

  /** Have as many settled as may? */
  get full(): boolean {
    return this.#shares.full
  }

  /** Connections of this caller that have settled. */
  settledOf(caller: string): number {
    return this.#shares.of(caller)
  }

  /** Adds a connection that was just accepted; its slot is free again when it closes. */
  add(socket: Socket): ConnectionSlot {
    const slot = new ConnectionSlot(socket, this)
    const { connections, pendingConnections } = this.#limits
    if (this.open >= connections + pendingConnections) this.#makeRoom(slot.origin)
    this.#await(slot)
    this.#bySocket.set(socket, slot)
    socket.once('close', () => this.#remove(slot))
    return slot
  }

  /** The slot of a connection that was added. */
  of(socket: Socket): ConnectionSlot | undefined {
    return this.#bySocket.get(socket)
  }

  /**
   * Closes the oldest pending connection, if there is one; the caller of this method reports it.
   */
  evict(): boolean {
    const [oldest] = this.#pending
    if (oldest === undefined) return false
    this.#forget(oldest)
    oldest.close()
    return true
  }

  /** For `ConnectionSlot` only. */
  settle(slot: ConnectionSlot): boolean {
    if (!this.#pending.has(slot)) return false
    if (!this.#shares.allows(slot.caller) && !this.#makePlace(slot.caller)) return false
    this.#forget(slot)
    slot.settled = true
    this.#shares.take(slot)
    return true
  }

  /** For `ConnectionSlot` only. */
  rest(slot: ConnectionSlot): void {
    if (slot.settled) this.#unsettle(slot)
    else if (!this.#forget(slot)) return
    this.#await(slot)
  }

  /** An idle connection gives its place to another one, of the same number of places. */
  #makePlace(caller: string): boolean {
    const idle = this.#shares.givesWay(caller)
    if (idle === undefined) return false
    this.#unsettle(idle)
    idle.close()
    this.#events.gaveWay?.()
    return true
  }

  #unsettle(slot: ConnectionSlot): void {
    slot.settled = false
    this.#shares.give(slot)
  }

  #makeRoom(origin: CallerOrigin): void {
    const floods = namesOf(origin)
      .map((name) => this.#byOrigin.get(name))
      .find((own) => own !== undefined && own.size * SHARE_OF_ORIGIN > this.#pending.size)
    const [oldest] = floods ?? this.#pending
    if (oldest !== undefined) this.#close(oldest)
  }

  #close(slot: ConnectionSlot): void {
    this.#forget(slot)
    slot.close()
    this.#events.evicted?.()
  }

  #await(slot: ConnectionSlot): void {
    this.#pending.add(slot)
    for (const name of namesOf(slot.origin)) {
      const own = this.#byOrigin.get(name)
      if (own === undefined) this.#byOrigin.set(name, new Set([slot]))
      else own.add(slot)
    }
  }

  /** @returns whether it was pending */
  #forget(slot: ConnectionSlot): boolean {
    if (!this.#pending.delete(slot)) return false
    for (const name of namesOf(slot.origin)) {
      const own = this.#byOrigin.get(name)
      own?.delete(slot)
      if (own?.size === 0) this.#byOrigin.delete(name)
    }
    return true
  }

  #remove(slot: ConnectionSlot): void {
    if (slot.settled) this.#unsettle(slot)
    else this.#forget(slot)
  }
}

/** The narrower one first; for IPv4 they are the same. */
function namesOf({ address, network }: CallerOrigin): readonly string[] {
  return address === network ? [address] : [address, network]
}
