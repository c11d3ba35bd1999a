/** Room for one frame that is held. */
export interface HeldRoom {
  /** Once; further calls do nothing. */
  release(): void
}

interface Waiting {
  readonly bytes: number
  readonly ready: (room: HeldRoom) => void
}

/**
 * The memory that frames of one direction are held in, for all connections together. Without room
 * frames wait in line: a small frame does not overtake a large one, which would otherwise wait for
 * ever.
 */
export class HeldBytes {
  readonly #most: number
  #held = 0
  readonly #line = new Set<Waiting>()

  constructor(most: number) {
    this.#most = most
  }

  get held(): number {
    return this.#held
  }

  /**
   * Room at once, or undefined. A frame larger than the total gets room when nothing else is held.
   */
  take(bytes: number): HeldRoom | undefined {
    if (this.#line.size > 0 || !this.#fits(bytes)) return undefined
    return this.#room(bytes)
  }

  /** Calls `ready` when there is room, never at once; returns a function that cancels waiting. */
  wait(bytes: number, ready: (room: HeldRoom) => void): () => void {
    const waiting = { bytes, ready }
    this.#line.add(waiting)
    return () => {
      this.#line.delete(waiting)
      this.#serve()
    }
  }

  #fits(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#most
  }

  #room(bytes: number): HeldRoom {
    this.#held += bytes
    let isHeld = true
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        this.#held -= bytes
        this.#serve()
      },
    }
  }

  #serve(): void {
    for (const waiting of this.#line) {
      if (!this.#fits(waiting.bytes)) return
      this.#line.delete(waiting)
      const room = this.#room(waiting.bytes)
      // Not within the call of the one who gave it back.
      setImmediate(waiting.ready, room)
    }
  }
}

/** One room for two users of the same frame: it is released when both have released it. */
export function shared(room: HeldRoom): readonly [HeldRoom, HeldRoom] {
  let left = 2
  const part = (): HeldRoom => {
    let isHeld = true
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        if (--left === 0) room.release()
      },
    }
  }
  return [part(), part()]
}

/** Rooms that are given back together. */
export function together(...rooms: readonly (HeldRoom | undefined)[]): HeldRoom | undefined {
  const all = rooms.filter((room) => room !== undefined)
  if (all.length < 2) return all[0]
  return {
    release: () => {
      for (const room of all) room.release()
    },
  }
}
