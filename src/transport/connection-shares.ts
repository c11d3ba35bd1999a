import { ReservedPlaces } from './reserved-places.ts'

/** The server of a settled connection. */
export interface ServedConnection {
  /** Since when it has had no request, in milliseconds; null: it is in use. */
  readonly idleSince: number | null
  /** Closes it while it is idle. */
  giveWay(): void
}

/** A connection that takes a place. */
interface Settling {
  /** Whose share it counts to. */
  readonly caller: string
  readonly served: ServedConnection | null
}

/**
 * The settled connections of one listener, and each caller's share of them. A caller that has used
 * up its share gets another place if an idle connection can be closed for it: one of the caller
 * with the most, if that caller has more, otherwise one of its own. Connections in use are never
 * closed.
 */
export class ConnectionShares<S extends Settling> {
  readonly #places: ReservedPlaces
  readonly #oneCaller: boolean
  readonly #holders = new Map<string, Set<S>>()

  /** @param oneCaller all connections are of one caller: there is nothing to share */
  constructor(places: number, oneCaller: boolean) {
    this.#places = new ReservedPlaces(places)
    this.#oneCaller = oneCaller
  }

  /** Connections that have settled. */
  get taken(): number {
    return this.#places.taken
  }

  get full(): boolean {
    return this.#places.full
  }

  /** Connections of this caller that have settled. */
  of(caller: string): number {
    return this.#holders.get(caller)?.size ?? 0
  }

  /** May this caller have another one now? */
  allows(caller: string): boolean {
    return this.#oneCaller ? !this.full : this.#places.allows(this.of(caller))
  }

  take(slot: S): void {
    this.#places.taken++
    const own = this.#holders.get(slot.caller)
    if (own === undefined) this.#holders.set(slot.caller, new Set([slot]))
    else own.add(slot)
  }

  give(slot: S): void {
    const own = this.#holders.get(slot.caller)
    if (own?.delete(slot) !== true) return
    this.#places.taken--
    if (own.size === 0) this.#holders.delete(slot.caller)
  }

  /** The idle connection that is closed so that this caller gets its place; undefined: there is none. */
  givesWay(caller: string): S | undefined {
    if (this.#oneCaller) return undefined
    const least = this.of(caller)
    let most = 0
    let found: S | undefined
    for (const [holder, slots] of this.#holders) {
      if (slots.size <= most || (slots.size <= least && holder !== caller)) continue
      const idle = oldestIdle(slots)
      if (idle === undefined) continue
      found = idle
      most = slots.size
    }
    return found
  }
}

function oldestIdle<S extends Settling>(slots: Iterable<S>): S | undefined {
  let since = Number.POSITIVE_INFINITY
  let oldest: S | undefined
  for (const slot of slots) {
    const idleSince = slot.served?.idleSince ?? null
    if (idleSince === null || idleSince >= since) continue
    since = idleSince
    oldest = slot
  }
  return oldest
}
