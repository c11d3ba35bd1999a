import type { Socket } from 'node:net'
import { Budget } from '../refusal/budget.ts'
import type { CallerOrigin } from './address.ts'
import type { CoarseClock, Ticking } from './clock.ts'
import type { ConnectionSlot } from './connection-slots.ts'

/** How many seconds' worth may be used at once. */
const AT_ONCE_SECONDS = 8
/**
 * The maximum remembered; one without a handshake for `AT_ONCE_SECONDS` and without debts is
 * forgotten.
 */
const MOST_REMEMBERED = 4096
/**
 * A handshake with certificates larger than any CA writes costs more by size: one more per this
 * many bytes.
 */
const BYTES_OF_ONE = 8192
/** A /64 has the budget of this many addresses: it may be one machine, or all pods of a node. */
const ADDRESSES_OF_NETWORK = 4
/**
 * The maximum debt of an address, in seconds' worth: it may belong to many callers behind a load
 * balancer or a node.
 */
const MOST_OWED_SECONDS = 30
/** More than any ClientHello takes. */
const MOST_HELD = 16_384
const NOTHING = Buffer.alloc(0)

/** The remaining budgets, by name. Null: there is no limit. */
export class Budgets {
  readonly #perSecond: number
  readonly #mostOwedSeconds: number
  /** The least recently used one first. */
  readonly #byName = new Map<string, { readonly budget: Budget; at: number }>()

  constructor(perSecond: number, mostOwedSeconds = Number.POSITIVE_INFINITY) {
    this.#perSecond = perSecond
    this.#mostOwedSeconds = mostOwedSeconds
  }

  /** @param times as much as others have */
  of(name: string, now: number, times = 1): Budget | null {
    if (this.#perSecond === 0) return null
    const perSecond = times * this.#perSecond
    const kept = this.#byName.get(name) ?? { budget: this.#made(perSecond, now), at: now }
    kept.at = now
    this.#byName.delete(name)
    this.#byName.set(name, kept)
    for (const [each, { budget, at }] of this.#byName) {
      const isWanted = now - at < AT_ONCE_SECONDS * 1000 || !budget.isWhole(now)
      if (isWanted && this.#byName.size <= MOST_REMEMBERED) break
      this.#byName.delete(each)
    }
    return kept.budget
  }

  #made(perSecond: number, now: number): Budget {
    const mostOwed = this.#mostOwedSeconds * perSecond
    return new Budget(AT_ONCE_SECONDS * perSecond, perSecond, now, mostOwed)
  }
}

/** A connection whose handshake may not begin yet. It costs only the memory of what it has sent. */
class Waiting {
  readonly origin: CallerOrigin
  readonly giveUpAt: number
  readonly #socket: Socket
  readonly #start: () => void
  /**
   * One piece, because otherwise a peer that sends byte by byte would make us keep an object for
   * each.
   */
  #held: Buffer = NOTHING

  constructor(socket: Socket, origin: CallerOrigin, giveUpAt: number, start: () => void) {
    this.#socket = socket
    this.origin = origin
    this.giveUpAt = giveUpAt
    this.#start = start
    socket.on('data', this.#hold)
    socket.on('end', this.leave)
    socket.on('error', this.leave)
  }

  /** Has it sent anything? */
  get spoke(): boolean {
    return this.#held.length > 0
  }

  /** Begins the handshake with what was read so far. */
  start(): void {
    const socket = this.#socket
    socket.off('data', this.#hold)
    socket.off('end', this.leave)
    socket.off('error', this.leave)
    socket.pause()
    socket.unshift(this.#held)
    this.#start()
  }

  readonly leave = (): void => {
    this.#socket.destroy()
  }

  readonly #hold = (bytes: Buffer): void => {
    this.#held = Buffer.concat([this.#held, bytes])
    if (this.#held.length > MOST_HELD) this.leave()
  }
}

/** The limits on the rate of handshakes. */
export interface PaceOptions {
  /** For one address: failed or refused handshakes; 0: no limit. */
  readonly perSecond: number
  readonly handshakeMs: number
  readonly clock: CoarseClock
  /** Called for each that has to wait. */
  readonly paced: () => void
}

/**
 * A handshake costs about a millisecond of CPU before its peer is known. So each address, and each
 * /64 of IPv6, has a budget of handshakes, and gets back those that became served connections.
 * Beyond the budget a handshake waits, and costs nothing meanwhile. The newest goes first: an
 * honest peer has just arrived, and the ones waiting longer are of the address that spent the
 * budget.
 */
export class HandshakePace implements Ticking {
  readonly #options: PaceOptions
  readonly #ofAddresses: Budgets
  readonly #ofNetworks: Budgets
  readonly #waiting = new Set<Waiting>()

  constructor(options: PaceOptions) {
    this.#options = options
    this.#ofAddresses = new Budgets(options.perSecond, MOST_OWED_SECONDS)
    this.#ofNetworks = new Budgets(options.perSecond, MOST_OWED_SECONDS)
  }

  /** Calls `start` when the handshake may begin: now, or later, or not at all. */
  begin(socket: Socket, slot: ConnectionSlot, start: () => void): void {
    const { clock, handshakeMs, paced } = this.#options
    const { origin } = slot
    const budgets = this.#budgets(origin)
    const giveBack = () => {
      for (const budget of budgets) budget.earn(1)
    }
    slot.whenSettled(giveBack)
    slot.paidBy((handshakes) => this.#charge(origin, handshakes))
    if (this.#spend(budgets)) {
      // A peer that sent nothing has cost nothing.
      socket.once('close', () => socket.bytesRead === 0 && giveBack())
      return start()
    }
    paced()
    const waiting = new Waiting(socket, origin, clock.now + handshakeMs, start)
    if (this.#waiting.size === 0) clock.watch(this)
    this.#waiting.add(waiting)
    socket.once('close', () => this.#forget(waiting))
  }

  /**
   * A handshake with this many bytes of the peer is over, or broken off: the address is charged for
   * them.
   */
  weigh(bytes: number, { origin }: ConnectionSlot): void {
    const more = Math.floor(bytes / BYTES_OF_ONE)
    if (more > 0) this.#charge(origin, more)
  }

  #charge(origin: CallerOrigin, handshakes: number): void {
    const { now } = this.#options.clock
    for (const budget of this.#budgets(origin)) budget.charge(now, handshakes)
  }

  tick(now: number): void {
    for (const waiting of [...this.#waiting].reverse()) {
      if (now >= waiting.giveUpAt) waiting.leave()
      else if (waiting.spoke && this.#spend(this.#budgets(waiting.origin))) {
        this.#forget(waiting)
        waiting.start()
      }
    }
  }

  /** The budgets that a handshake from there is charged to; none without a limit. */
  #budgets({ address, network }: CallerOrigin): readonly Budget[] {
    const { now } = this.#options.clock
    const own = this.#ofAddresses.of(address, now)
    if (own === null) return []
    const all = address === network ? null : this.#ofNetworks.of(network, now, ADDRESSES_OF_NETWORK)
    return all === null ? [own] : [own, all]
  }

  /** False if one of them has nothing left; then nothing is spent. */
  #spend(budgets: readonly Budget[]): boolean {
    const { now } = this.#options.clock
    if (!budgets.every((budget) => budget.has(now))) return false
    for (const budget of budgets) budget.spend(now)
    return true
  }

  #forget(waiting: Waiting): void {
    if (this.#waiting.delete(waiting) && this.#waiting.size === 0) this.#options.clock.unwatch(this)
  }
}
