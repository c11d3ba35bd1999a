import { ReservedPlaces } from '../transport/reserved-places.ts'
import type { Share } from './share.ts'

/** A connection that may hold bytes for its caller. */
export interface Holding {
  /** In either direction, between the caller and the callee. */
  readonly heldForCaller: number
  /**
   * Drops this many bytes, as far as it holds them: exchanges are refused, or their answers are
   * cut.
   */
  shed(bytes: number): void
}

/** The part that the module's own connections may hold: one in this many. */
const OWN_OF = 2

/**
 * What is buffered for all callers, and each caller's share (`limits.bufferedBytes`). First each
 * exchange is stopped individually; the clock then sums up what is held, which costs no exchange
 * anything.
 */
export class BufferedBytes {
  readonly #bytes: ReservedPlaces

  constructor(most: number) {
    this.#bytes = new ReservedPlaces(most)
  }

  readonly #count = (share: Share, { heldForCaller: held }: Holding): void => {
    if (held === 0) return
    share.bufferedBytes += held
    this.#bytes.taken += held
  }

  /** May more be buffered for this caller, according to the last sum? */
  allows({ standing, bufferedBytes }: Share): boolean {
    const bytes = this.#bytes
    if (standing === 'own') return bufferedBytes * OWN_OF < bytes.all
    return standing === 'okapi' ? bytes.allowsMany : bytes.allows(bufferedBytes)
  }

  /**
   * Sums up all connections. At the limit the callers with the most drop what they hold, until the
   * part reserved for callers with few is free: these must not wait for the next sum.
   */
  weigh(connections: ReadonlyMap<Holding, Share>): void {
    const bytes = this.#bytes
    bytes.taken = 0
    connections.forEach(forget)
    connections.forEach(this.#count)
    if (bytes.full) this.#shed(connections)
  }

  #shed(connections: ReadonlyMap<Holding, Share>): void {
    const bytes = this.#bytes
    const holding = [...connections]
      .filter(([connection]) => connection.heldForCaller > 0)
      .sort(([, a], [, b]) => b.bufferedBytes - a.bufferedBytes)
    for (const [connection, share] of holding) {
      if (bytes.taken <= bytes.shared) return
      // A response that was cut is held until its socket has closed, which is soon.
      const freed = Math.min(connection.heldForCaller, bytes.taken - bytes.shared)
      connection.shed(freed)
      bytes.taken -= freed
      share.bufferedBytes -= freed
    }
  }
}

function forget(share: Share): void {
  share.bufferedBytes = 0
}
