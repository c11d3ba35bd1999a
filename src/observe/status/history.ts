import { CallersOverShare, type OverShare } from '../over-share.ts'
import { LastRefusals, type NewRefusal, type Refused } from './last-refusals.ts'

/** An authenticated peer. */
export interface PeerActivity {
  readonly name: string
  readonly exchanges: number
  readonly refused: number
  /** Milliseconds since 1970. */
  readonly lastMs: number
}

/** The traffic in one slice of time. */
export interface Slice {
  readonly exchanges: number
  readonly refused: number
  readonly failed: number
  /** Mean of the durations, 0 without an exchange. */
  readonly meanMs: number
}

/** The part for the status page. */
export interface HistoryView {
  /** The newest first. */
  readonly refusals: readonly Refused[]
  /** The busiest first. */
  readonly peers: readonly PeerActivity[]
  /** The last one first. */
  readonly overShare: readonly OverShare[]
  /** Ten minutes in slices of ten seconds, the oldest first; the last one still runs. */
  slices(timeMs: number): readonly Slice[]
}

/** Number of refusals that are kept. */
export const MOST_REFUSALS = 50
/** Number of unauthenticated callers, each with its last refusal: they must not displace the others. */
const MOST_STRANGERS = 10
/** Peers have authenticated names, so issued certificates limit their number; this is for unforeseen cases. */
export const MOST_PEERS = 500
/** Unauthenticated peers are named by their address, and must not displace the others. */
const MOST_UNPROVEN = 100
const UNPROVEN = 'plain/'
const SLICE_MS = 10_000
const SLICES = 60

interface Tally {
  exchanges: number
  refused: number
  failed: number
  durationMs: number
}

/**
 * The history for the status page: the last refusals, the peers seen, ten minutes of rates. It is
 * notified of each exchange.
 */
export class History implements HistoryView {
  readonly #refusals = new LastRefusals(MOST_REFUSALS)
  readonly #strangers = new LastRefusals(MOST_STRANGERS)
  readonly #peers = new Map<string, { exchanges: number; refused: number; lastMs: number }>()
  readonly #slices: Tally[] = Array.from({ length: SLICES }, nothing)
  readonly #overShare = {
    proven: new CallersOverShare(true, 'other identities'),
    unproven: new CallersOverShare(false, 'other addresses'),
  }
  #slice = 0
  #unproven = 0

  /** An exchange ended. */
  ended(
    caller: string,
    status: number,
    refused: boolean,
    durationMs: number,
    timeMs: number,
  ): void {
    const tally = this.#tally(timeMs)
    tally.exchanges++
    tally.durationMs += durationMs
    if (refused) tally.refused++
    else if (status === 0 || status >= 500) tally.failed++
    this.seen(caller, refused, timeMs)
  }

  /** This caller had an exchange, directly or through Okapi. */
  seen(caller: string, refused: boolean, timeMs: number): void {
    let peer = this.#peers.get(caller)
    if (peer === undefined) {
      if (this.#peers.size >= MOST_PEERS) return
      if (caller.startsWith(UNPROVEN)) {
        if (this.#unproven >= MOST_UNPROVEN) return
        this.#unproven++
      }
      peer = { exchanges: 0, refused: 0, lastMs: 0 }
      this.#peers.set(caller, peer)
    }
    peer.exchanges++
    if (refused) peer.refused++
    peer.lastMs = timeMs
  }

  /** Keeps a refusal; the oldest goes. */
  refused(refusal: NewRefusal): void {
    this.#refusals.add(refusal)
  }

  /** A peer was refused before it sent a request; `proven`: it is authenticated. */
  turnedAway(refusal: NewRefusal, proven: boolean): void {
    const kept = proven ? this.#refusals : this.#strangers
    kept.add(refusal)
  }

  /** A caller was refused with `too-many`. */
  tooMany(name: string, proven: boolean, limit: string, timeMs: number): void {
    this.#overShare[proven ? 'proven' : 'unproven'].told(name, limit, 1, timeMs)
  }

  /** The last one first. */
  get overShare(): readonly OverShare[] {
    const { proven, unproven } = this.#overShare
    return [...proven.all, ...unproven.all].sort((a, b) => b.lastMs - a.lastMs)
  }

  /** The newest first. */
  get refusals(): readonly Refused[] {
    return newestFirst([...this.#refusals.all, ...this.#strangers.all])
  }

  /** The busiest first. */
  get peers(): readonly PeerActivity[] {
    return [...this.#peers]
      .map(([name, seen]) => ({ name, ...seen }))
      .sort((a, b) => b.exchanges - a.exchanges)
  }

  /** Ten minutes in slices of ten seconds, the oldest first; the last one still runs. */
  slices(timeMs: number): readonly Slice[] {
    this.#tally(timeMs)
    const last = this.#slice
    return Array.from({ length: SLICES }, (_, i) => {
      const { exchanges, refused, failed, durationMs } = this.#slices[(last + 1 + i) % SLICES]!
      const meanMs = exchanges === 0 ? 0 : durationMs / exchanges
      return { exchanges, refused, failed, meanMs }
    })
  }

  /** The tally of the present slice; skipped slices are cleared. */
  #tally(timeMs: number): Tally {
    const slice = Math.floor(timeMs / SLICE_MS)
    const gap = Math.min(slice - this.#slice, SLICES)
    for (let i = 0; i < gap; i++) this.#slices[(slice - i) % SLICES] = nothing()
    this.#slice = Math.max(slice, this.#slice)
    return this.#slices[this.#slice % SLICES]!
  }
}

function newestFirst(refusals: readonly Refused[]): readonly Refused[] {
  return refusals.toSorted((a, b) => b.timeMs - a.timeMs)
}

function nothing(): Tally {
  return { exchanges: 0, refused: 0, failed: 0, durationMs: 0 }
}
