import type { Socket } from 'node:net'
import type { HeadLimits } from '../head.ts'
import { HalfHead } from '../partial-head.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Bytes that were read from a caller and cannot be used yet: an incomplete head, a waiting body,
 * pipelined requests.
 */
export class ReadBuffer {
  paused = false
  readonly #held = new HalfHead()
  /**
   * Before it: requests of one read that wait for their turn. A view, because each turn takes one.
   */
  #aside: Buffer = NOTHING
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  get heldBytes(): number {
    return this.#aside.length + this.#held.length
  }

  /** Is something set aside for the next turn? */
  get hasAside(): boolean {
    return this.#aside.length > 0
  }

  /** Keeps what stands from `i` on. */
  keep(bytes: Buffer, i: number): void {
    this.#held.keep(bytes, i, bytes.length)
  }

  /** Keeps it, and stops reading for now. @returns -1: nothing of it is used */
  hold(bytes: Buffer, i: number): -1 {
    this.keep(bytes, i)
    this.pause()
    return -1
  }

  /** Keeps it as it is, without a copy, and reads nothing more for now. @returns as `hold` */
  setAside(bytes: Buffer, i: number): -1 {
    this.#aside = bytes.subarray(i)
    this.pause()
    return -1
  }

  /** Gives back what was kept. */
  take(): Buffer {
    const aside = this.#aside
    if (aside.length === 0) return this.#held.take()
    this.#aside = NOTHING
    return this.#held.length === 0 ? aside : Buffer.concat([aside, this.#held.take()])
  }

  /** What was kept plus what arrived now, or null if there is no reason to parse again. */
  join(bytes: Buffer, halfHead: boolean, limits: HeadLimits): Buffer | null {
    if (this.heldBytes === 0) return bytes
    if (halfHead && !this.paused) return this.#held.join(bytes, 0, bytes.length, limits)
    this.#held.add(bytes, 0, bytes.length)
    return this.paused ? null : this.take()
  }

  pause(): void {
    if (this.paused) return
    this.paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.#socket.resume()
  }

  /** Forgets what was kept; nothing more is wanted. */
  drop(): void {
    this.#aside = NOTHING
    this.#held.drop()
  }
}
