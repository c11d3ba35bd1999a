import type { Socket } from 'node:net'
import { type CallerOrigin, originOf } from './address.ts'
import { ConnectionShares, type ServedConnection } from './connection-shares.ts'

/** How many connections one listener keeps. */
export interface SlotLimits {
  /** Those that have settled. */
  readonly connections: number
  /** Kept for those that have not: their handshake, or their first request, is not whole. */
  readonly pendingConnections: number
}

/** One address, or one network, may have every fourth of the pending connections before its own are closed for it. */
const SHARE_OF_ORIGIN = 4

/** KeyUpdate messages that cost as much CPU as a handshake: 50 of them, of 27 bytes each. */
const BYTES_OF_HANDSHAKE = 1350

/** What becomes of a connection that is made room with. */
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
  /** Whose share it counts to once it has settled: its network, as long as nothing is proven. */
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

  /** From now on it is not closed while it is in use. False: as many as may have settled already. */
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

  /** Calls back for what it costs beyond its handshake, in handshakes. */
  paidBy(payer: (handshakes: number) => void): void {
    this.#payers.push(payer)
  }

  /** TLS had to read so many bytes that brought no data: its address and its identity pay for them. */
  broughtNothing(bytes: number): void {
    const handshakes = Math.floor(bytes / BYTES_OF_HANDSHAKE)
    if (handshakes > 0) for (const pays of this.#payers) pays(handshakes)
  }

  /** Where it could not settle: has its caller used up its share, while there is room for others? */
  get overShare(): boolean {
    return !this.#slots.full
  }

  /** Connections of its caller that have settled. */
  get ofCaller(): number {
    return this.#slots.settledOf(this.caller)
  }

  /** It may be closed again to make room, after those that are pending now. */
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
 * The connections of one listener. A connection that has not said yet who it is, or what it wants,
 * is pending; it never takes the place of one that has. When all places are taken the oldest pending
 * one is closed for the newest: who means it needs moments, who only holds a place has all the time.
 * Which one: of the address that the newest comes from, else of its network, where that has more than its
 * share, so that what floods closes its own; else the oldest of all, so that a flood from many
 * addresses, each with a few, closes its own too and not those of a load balancer that has many.
 */
export class ConnectionSlots {
  readonly #limits: SlotLimits
  readonly #events: SlotEvents
  readonly #shares: ConnectionShares<ConnectionSlot>
  readonly #bySocket = new WeakMap<Socket, ConnectionSlot>()
  /** In the order in which they came to be pending. */
  readonly #pending = new Set<ConnectionSlot>()
  /** The same by their addresses and networks. */
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

  /** Takes in a connection that was just accepted; its slot is free again when it closes. */
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

  /** Closes the oldest pending connection, if there is one; who asks for it tells it. */
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

/** The narrower one first; of IPv4 they are one. */
function namesOf({ address, network }: CallerOrigin): readonly string[] {
  return address === network ? [address] : [address, network]
}
