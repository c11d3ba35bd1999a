import { ReservedPlaces } from './reserved-places.ts'

/** What serves a connection that has settled. */
export interface ServedConnection {
  /** Since when nothing is asked on it, in milliseconds; null: it is in use. */
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
 * The connections of one listener that have settled, and what each caller may have of them. A caller
 * that has used up its share gets another place for one that is idle: that of the caller with the most,
 * as long as it has more, else its own. What is in use is never closed.
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

  /** May this caller have another one as things are? */
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
