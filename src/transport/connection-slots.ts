import type { Socket } from 'node:net'
import { networkOf } from './address.ts'

/** How many connections one listener keeps. */
export interface SlotLimits {
  /** Those that have settled. */
  readonly connections: number
  /** Kept for those that have not: their handshake, or their first request, is not whole. */
  readonly pendingConnections: number
}

/** One network may have every fourth of the pending connections before its own are closed for it. */
const SHARE_OF_NETWORK = 4

/** One connection of a listener. It begins pending. */
export class ConnectionSlot {
  settled = false
  readonly network: string
  readonly #socket: Socket
  readonly #slots: ConnectionSlots

  constructor(socket: Socket, slots: ConnectionSlots) {
    this.#socket = socket
    this.#slots = slots
    this.network = networkOf(socket.remoteAddress ?? '')
  }

  /** From now on it is not closed to make room. False: as many as may have settled already. */
  settle(): boolean {
    return this.settled || this.#slots.settle(this)
  }

  /** It may be closed again to make room, after those that are pending now. */
  rest(): void {
    this.#slots.rest(this)
  }

  /** Closes the connection. */
  close(): void {
    this.#socket.destroy()
  }
}

/**
 * The connections of one listener. A connection that has not said yet who it is, or what it wants,
 * is pending; it never takes the place of one that has. When all places are taken the oldest pending
 * one is closed for the newest: who means it needs moments, who only holds a place has all the time.
 * Which one: of the network that the newest comes from, where that has more than its share, so that
 * one address that floods closes its own; else the oldest of all, so that a flood from many
 * addresses, each with a few, closes its own too and not those of a load balancer that has many.
 */
export class ConnectionSlots {
  readonly #limits: SlotLimits
  readonly #evicted: (() => void) | undefined
  readonly #bySocket = new WeakMap<Socket, ConnectionSlot>()
  /** In the order in which they came to be pending. */
  readonly #pending = new Set<ConnectionSlot>()
  readonly #byNetwork = new Map<string, Set<ConnectionSlot>>()
  #settled = 0

  /** @param evicted called for each connection that was closed to make room */
  constructor(limits: SlotLimits, evicted?: () => void) {
    this.#limits = limits
    this.#evicted = evicted
  }

  /** Connections that have a slot. */
  get open(): number {
    return this.#pending.size + this.#settled
  }

  /** Takes in a connection that was just accepted; its slot is free again when it closes. */
  add(socket: Socket): ConnectionSlot {
    const slot = new ConnectionSlot(socket, this)
    const { connections, pendingConnections } = this.#limits
    if (this.open >= connections + pendingConnections) this.#makeRoom(slot.network)
    this.#await(slot)
    this.#bySocket.set(socket, slot)
    socket.once('close', () => this.#remove(slot))
    return slot
  }

  /** The slot of a connection that was added. */
  of(socket: Socket): ConnectionSlot | undefined {
    return this.#bySocket.get(socket)
  }

  /** Closes the oldest pending connection, if there is one. */
  evict(): boolean {
    const [oldest] = this.#pending
    if (oldest === undefined) return false
    this.#close(oldest)
    return true
  }

  /** For `ConnectionSlot` only. */
  settle(slot: ConnectionSlot): boolean {
    if (this.#settled >= this.#limits.connections || !this.#pending.has(slot)) return false
    this.#forget(slot)
    slot.settled = true
    this.#settled++
    return true
  }

  /** For `ConnectionSlot` only. */
  rest(slot: ConnectionSlot): void {
    if (slot.settled) {
      slot.settled = false
      this.#settled--
    } else if (!this.#forget(slot)) return
    this.#await(slot)
  }

  #makeRoom(network: string): void {
    const own = this.#byNetwork.get(network)
    const [oldest] =
      own !== undefined && own.size * SHARE_OF_NETWORK > this.#pending.size ? own : this.#pending
    if (oldest !== undefined) this.#close(oldest)
  }

  #close(slot: ConnectionSlot): void {
    this.#forget(slot)
    slot.close()
    this.#evicted?.()
  }

  #await(slot: ConnectionSlot): void {
    const { network } = slot
    this.#pending.add(slot)
    const own = this.#byNetwork.get(network)
    if (own === undefined) this.#byNetwork.set(network, new Set([slot]))
    else own.add(slot)
  }

  /** @returns whether it was pending */
  #forget(slot: ConnectionSlot): boolean {
    if (!this.#pending.delete(slot)) return false
    const own = this.#byNetwork.get(slot.network)
    own?.delete(slot)
    if (own?.size === 0) this.#byNetwork.delete(slot.network)
    return true
  }

  #remove(slot: ConnectionSlot): void {
    if (slot.settled) {
      slot.settled = false
      this.#settled--
    } else this.#forget(slot)
  }
}
