import type { Direction } from '../observe/labels.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { ReservedPlaces } from '../transport/reserved-places.ts'
import type { Clock } from '../wire/face.ts'
import { BufferedBytes } from './buffered-bytes.ts'
import { Share, type ShareKind } from './share.ts'

/** How many more a link may hold beyond its share, so that their refusals can be sent. */
const REFUSALS = 64
/** The maximum of remembered callers that have gone. */
const MOST_REMEMBERED = 4096
/** A slow callee blocks its callers' places, so it gets no more than is left for all others. */
const TIMES_FREE_OF_CALLEE = 1
/** The part of a callee's places that is left to Okapi's own calls: one in this many. */
const OWN_CALLS_OF = 8

/**
 * Okapi calls for all callers: exchanges that others break off count as its own, and it connects
 * for all.
 */
export const TIMES_FOR_OKAPI = 8

export interface ShareLimits {
  /** Exchanges that a caller may break off per second, 0 without a limit. */
  readonly brokenOffPerSecond: number
  readonly exchanges: number
  readonly exchangesToModule: number
  readonly exchangesPerCallee: number
  readonly bufferedBytes: number
}

/** A module that is called, by us or through the Okapi behind us. */
class CalleeShare {
  readonly index: number
  readonly name: string
  /** What callers from outside may have open towards it. */
  readonly inward: ReservedPlaces
  /** Of that, those who proved nothing. */
  readonly unproven: ReservedPlaces
  /** What our own module has open towards it. */
  outward = 0

  constructor(index: number, name: string, most: number) {
    this.index = index
    this.name = name
    this.inward = new ReservedPlaces(most)
    this.unproven = new ReservedPlaces(halfOf(most))
  }
}

export type { CalleeShare }

/** The holder of a place: one for each exchange that is open at a time, reused. */
export interface Holder {
  readonly direction: Direction
  readonly share: Share
  holdsPlace: boolean
  /** The callee, where that counts. */
  callee: CalleeShare | null
}

/**
 * The exchanges that may be open, and each caller's share of them (docs/limits.md). Exchanges from
 * outside and those of the module itself have separate places, so nested calls of Okapi never wait
 * for a place that a new caller may take.
 */
export class Shares {
  readonly buffered: BufferedBytes
  readonly #limits: ShareLimits
  /** Beside Okapi the callee counts too, because calls wait for modules other than Okapi. */
  readonly #byCallee: boolean
  readonly #inward: ReservedPlaces
  /** Of that, all callers without a proven identity together. */
  readonly #unproven: ReservedPlaces
  readonly #egress: ReservedPlaces
  #outward = 0
  readonly #callees = new Map<string, CalleeShare>()
  readonly #shares = new Map<string, Share>()
  /** Callers without a connection, with the time since when; the oldest first. */
  readonly #gone = new Map<Share, number>()
  readonly #clock: Clock

  constructor(limits: ShareLimits, byCallee: boolean, clock: Clock) {
    this.#limits = limits
    this.buffered = new BufferedBytes(limits.bufferedBytes)
    this.#clock = clock
    this.#byCallee = byCallee
    const inward = Math.min(limits.exchangesToModule, limits.exchanges)
    this.#inward = new ReservedPlaces(inward)
    this.#unproven = new ReservedPlaces(halfOf(inward))
    this.#egress = new ReservedPlaces(Math.min(limits.exchangesPerCallee, limits.exchanges))
  }

  /** Exchanges that are open. */
  get open(): number {
    return this.#inward.taken + this.#outward
  }

  /** Every caller that has a connection. */
  get all(): Iterable<Share> {
    return [...this.#shares.values()].filter(({ connections }) => connections > 0)
  }

  /** A connection of this caller is there. `left` must follow. */
  joined(name: string, standing: ShareKind): Share {
    let share = this.#shares.get(name)
    if (share === undefined) {
      const places = standing === 'unproven' ? this.#unproven : this.#inward
      const most = standing === 'okapi' ? places.all : places.mostOfOne
      const perSecond = this.#mayBreak(standing)
      share = new Share(name, standing, most + REFUSALS, perSecond, this.#clock.now)
      this.#shares.set(name, share)
    }
    share.connections++
    this.#gone.delete(share)
    return share
  }

  /** A connection of this caller was closed. Its broken exchanges are remembered for a while. */
  left(share: Share): void {
    share.connections--
    if (share.connections > 0) return
    const { now } = this.#clock
    this.#gone.set(share, now)
    for (const [each, since] of this.#gone) {
      if (now - since < Share.keptMs && this.#gone.size <= MOST_REMEMBERED) return
      this.#gone.delete(each)
      this.#shares.delete(each.name)
    }
  }

  /**
   * Takes a place, or returns why there is none. `provider`: the module that the policy allows the
   * call to.
   */
  take(holder: Holder, provider: string | null): Refusal | null {
    const { share } = holder
    const refusal = this.buffered.allows(share)
      ? share.standing === 'own'
        ? this.#takeOwn(holder, provider)
        : share.mayBegin(this.#clock.now)
          ? this.#take(holder, provider)
          : tooManyBroken(share)
      : tooManyBytes(share, this.#limits.bufferedBytes)
    holder.holdsPlace = refusal === null
    if (refusal?.reason === 'too-many') share.refused++
    return refusal
  }

  /** Releases its place, if it has one. `brokenOff`: it cost the callee a connection. */
  give(holder: Holder, brokenOff: boolean): void {
    if (!holder.holdsPlace) return
    holder.holdsPlace = false
    const { share, callee } = holder
    share.ended(brokenOff, this.#clock.now)
    holder.callee = null
    share.exchanges--
    if (share.standing === 'own') {
      this.#outward--
      if (holder.direction === 'egress') this.#egress.taken--
      if (callee !== null) callee.outward--
      return
    }
    const unproven = share.standing === 'unproven'
    this.#inward.taken--
    if (unproven) this.#unproven.taken--
    if (callee === null) return
    share.towards[callee.index]!--
    callee.inward.taken--
    if (unproven) callee.unproven.taken--
  }

  #mayBreak(standing: ShareKind): number {
    const { brokenOffPerSecond } = this.#limits
    if (standing === 'own') return 0
    return standing === 'okapi' ? TIMES_FOR_OKAPI * brokenOffPerSecond : brokenOffPerSecond
  }

  #takeOwn(holder: Holder, provider: string | null): Refusal | null {
    const { exchanges } = this.#limits
    if (this.#outward >= exchanges) return full('exchanges', exchanges)
    if (holder.direction === 'egress') {
      // One slow module must not take all places towards Okapi, because calls to all others need
      // them too.
      const callee = this.#callee(provider)
      const { full: none, all } = this.#egress
      if (none) return full('exchangesPerCallee', all)
      if (!this.#egress.allows(callee.outward)) return slow(callee.name, callee.outward, all)
      callee.outward++
      this.#egress.taken++
      holder.callee = callee
    }
    this.#outward++
    holder.share.exchanges++
    return null
  }

  #take(holder: Holder, provider: string | null): Refusal | null {
    const { share } = holder
    const [inward, among] = [this.#inward, this.#unproven]
    const unproven = share.standing === 'unproven'
    if (inward.full) return full('exchangesToModule', inward.all)
    if (unproven && (among.full || !inward.allows(among.taken))) return crowded(among.taken)
    if (!mayHave(unproven ? among : inward, share, share.exchanges)) {
      return tooMany(share, share.exchanges, this.#limits.exchangesToModule)
    }
    if (this.#byCallee) {
      const callee = this.#callee(provider)
      const refusal = this.#towards(share, callee, unproven)
      if (refusal !== null) return refusal
      holder.callee = callee
      share.towards[callee.index] = (share.towards[callee.index] ?? 0) + 1
      callee.inward.taken++
      if (unproven) callee.unproven.taken++
    }
    inward.taken++
    if (unproven) among.taken++
    share.exchanges++
    return null
  }

  /** A slow callee leaves places to others, and a caller leaves places at a callee. */
  #towards(share: Share, callee: CalleeShare, unproven: boolean): Refusal | null {
    const { name, inward, unproven: among } = callee
    const { taken, all } = inward
    const few = this.#inward.isFew(share.exchanges)
    if (inward.full || !(few || this.#inward.allows(taken, TIMES_FREE_OF_CALLEE))) {
      return slow(name, taken, all)
    }
    if (unproven && (among.full || !inward.allows(among.taken))) {
      return slow(name, among.taken, among.all)
    }
    const own = share.towards[callee.index] ?? 0
    if (mayHave(unproven ? among : inward, share, own)) return null
    return tooManyTowards(share, own, name, all)
  }

  #callee(provider: string | null): CalleeShare {
    const name = provider ?? 'okapi'
    let callee = this.#callees.get(name)
    if (callee === undefined) {
      const { exchangesPerCallee: most } = this.#limits
      callee = new CalleeShare(this.#callees.size, name, most - Math.floor(most / OWN_CALLS_OF))
      this.#callees.set(name, callee)
    }
    return callee
  }
}

function mayHave(places: ReservedPlaces, { standing }: Share, own: number): boolean {
  return standing === 'okapi' ? places.allowsMany : places.allows(own)
}

function full(limit: 'exchanges' | 'exchangesToModule' | 'exchangesPerCallee', most: number) {
  return refuse('overloaded', `limit of ${most} exchanges reached (limits.${limit})`, { limit })
}

function crowded(open: number): Refusal {
  const because = `callers that proved no identity have ${open} exchanges open, which is their part of limits.exchangesToModule`
  return refuse('overloaded', because, { limit: 'exchangesToModule' })
}

function slow(callee: string, open: number, most: number): Refusal {
  const because = `${open} exchanges with ${callee} are open, which is its part of ${most} (limits.exchangesPerCallee)`
  return refuse('overloaded', because, { limit: 'exchangesPerCallee' })
}

function tooMany({ name }: Share, open: number, most: number): Refusal {
  const because = `${name} has ${open} exchanges open, which is its share of ${most} (limits.exchangesToModule)`
  return refuse('too-many', because, { limit: 'exchangesToModule' })
}

function tooManyTowards({ name }: Share, open: number, callee: string, most: number): Refusal {
  const because = `${name} has ${open} exchanges with ${callee} open, which is its share of ${most} (limits.exchangesPerCallee)`
  return refuse('too-many', because, { limit: 'exchangesPerCallee' })
}

function tooManyBytes({ name, bufferedBytes }: Share, most: number): Refusal {
  const because = `${bufferedBytes} bytes are buffered for ${name}, which is its share of ${most} (limits.bufferedBytes)`
  return refuse('too-many', because, { limit: 'bufferedBytes' })
}

function tooManyBroken({ name }: Share): Refusal {
  const because = `${name} breaks off more exchanges than it may (limits.brokenOffPerSecond): each costs the callee a connection`
  return refuse('too-many', because, { limit: 'brokenOffPerSecond' })
}

function halfOf(most: number): number {
  return Math.max(1, Math.floor(most / 2))
}
