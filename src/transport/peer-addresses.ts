import type { Socket } from 'node:net'
import { type Address, remoteOf } from './address.ts'

/** An address that can be connected to without a lookup. */
export interface Target {
  readonly address: Address
  /** `10.1.2.3:8443`, for messages and as key. */
  readonly key: string
  /** The name that was resolved: what goes into SNI. Undefined for IP addresses and Unix sockets. */
  readonly name: string | undefined
}

/**
 * An address that was in no answer for this long is gone: some servers return only a part at a
 * time.
 */
const GONE_MS = 15_000
/** One that failed is tried again after this, then after twice as long, and so on. */
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
/**
 * One that is leaving gets no connection that no exchange waits for: longer than its module still
 * serves (docs/stopping.md), and each of its connections may tell so.
 */
const LEAVING_MS = 15_000
/** Pods come and go; more than this at a time is a mistake, and the oldest are forgotten. */
const MOST = 256

interface Place {
  readonly target: Target
  /** Of its key. */
  readonly hash: number
  /** When an answer named it last. */
  namedAt: number
  /** It is skipped until then, after it failed. */
  leftOutUntil: number
  pauseMs: number
}

/**
 * The addresses of one upstream as they are now, so that its exchanges can be spread over all of
 * them: which have gone, and which failed recently and are skipped for growing times.
 */
export class PeerAddresses {
  readonly #clock: { readonly now: number }
  readonly #resolve: () => void
  readonly #places = new Map<string, Place>()
  #isKnown = false

  /** `resolve` looks the names up again if that is due, and then `answered` is called. */
  constructor(clock: { readonly now: number }, resolve: () => void) {
    this.#clock = clock
    this.#resolve = resolve
  }

  /** Looks again, where the last answer is old. */
  refresh(): void {
    this.#resolve()
  }

  /** How many there are; 0 as long as no name has been looked up. */
  get size(): number {
    return this.#places.size
  }

  /** Every name was looked up, and these are all addresses. */
  answered(targets: readonly Target[]): void {
    const { now } = this.#clock
    this.#isKnown = true
    for (const target of targets) {
      const place = this.#places.get(target.key)
      if (place === undefined) this.#add(target, now)
      else place.namedAt = now
    }
    for (const [key, { namedAt }] of this.#places) {
      if (now - namedAt > GONE_MS) this.#places.delete(key)
    }
  }

  /** Where this socket leads. */
  keyOf(socket: Socket): string {
    return remoteOf(socket)
  }

  /** Is this one of them? As long as none is known, all are. */
  includes(key: string): boolean {
    return !this.#isKnown || this.#places.has(key)
  }

  /** What can be connected to at this key. */
  target(key: string): Target | undefined {
    return this.#places.get(key)?.target
  }

  /** At most `most` of those that are not in `have` and not skipped now. */
  others(have: ReadonlySet<string>, most: number): readonly string[] {
    const { now } = this.#clock
    const found: string[] = []
    for (const [key, { leftOutUntil }] of this.#places) {
      if (found.length >= most) break
      if (now >= leftOutUntil && !have.has(key)) found.push(key)
    }
    return found
  }

  /**
   * The address for exchanges with this number, as long as it does not fail: the same in every
   * thread and for any order of the answers (rendezvous hashing, Thaler and Ravishankar 1998).
   */
  of(affinity: number): string | undefined {
    const { now } = this.#clock
    let chosen: string | undefined
    let most = -1
    for (const [key, { hash, leftOutUntil }] of this.#places) {
      if (now < leftOutUntil) continue
      const weight = mixed(hash ^ affinity)
      if (weight <= most) continue
      most = weight
      chosen = key
    }
    return chosen
  }

  /** The same targets, beginning with the one for exchanges with this number. */
  first(affinity: number, targets: readonly Target[]): readonly Target[] {
    const key = this.of(affinity)
    const first = targets.filter((target) => target.key === key)
    return [...first, ...targets.filter((target) => target.key !== key)]
  }

  /** It says with an answer that it is shutting down. */
  leaves(key: string): void {
    const place = this.#places.get(key)
    if (place !== undefined) place.leftOutUntil = this.#clock.now + LEAVING_MS
  }

  /** It did not connect, proved to be another, or replaces its links. */
  failed(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    place.leftOutUntil = this.#clock.now + place.pauseMs
    place.pauseMs = Math.min(place.pauseMs * 2, LONGEST_PAUSE_MS)
  }

  /** A connection was made to it. */
  served(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    place.leftOutUntil = 0
    place.pauseMs = FIRST_PAUSE_MS
  }

  #add(target: Target, now: number): void {
    if (this.#places.size >= MOST) {
      const [oldest] = this.#places.keys()
      if (oldest !== undefined) this.#places.delete(oldest)
    }
    const hash = hashOf(target.key)
    const pauseMs = FIRST_PAUSE_MS
    this.#places.set(target.key, { target, hash, namedAt: now, leftOutUntil: 0, pauseMs })
  }
}

/** FNV-1a, 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** The finalizer of MurmurHash3: every bit of the number moves every other. */
function mixed(number: number): number {
  let hash = number >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
