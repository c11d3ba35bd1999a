import { ReservedPlaces } from '../transport/reserved-places.ts'
import type { Share } from './share.ts'

/** A connection that may hold bytes for its caller. */
export interface Holding {
  /** In either direction, between the caller and the callee. */
  readonly heldForCaller: number
  /** Gives up so many bytes, as far as it holds them: exchanges are refused, or cut in their answers. */
  shed(bytes: number): void
}

/** The module's own connections may hold so much: one in so many. */
const OWN_OF = 2

/**
 * What is buffered for all callers, and what each may have of it (`limits.bufferedBytes`). Each exchange
 * is stopped for itself first; the clock then weighs what is held, which costs no exchange anything.
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

  /** May more be buffered for this caller, as things were when they were weighed last? */
  allows({ standing, bufferedBytes }: Share): boolean {
    const bytes = this.#bytes
    if (standing === 'own') return bufferedBytes * OWN_OF < bytes.all
    return standing === 'okapi' ? bytes.allowsMany : bytes.allows(bufferedBytes)
  }

  /**
   * Weighs all connections. At the limit those of the callers with the most give up what they hold, until
   * the part is free that is kept for callers with few: they must not wait for the next weighing.
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
