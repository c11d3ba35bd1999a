import type { Socket } from 'node:net'
import { LF } from '../bytes.ts'

const EMPTY: Buffer = Buffer.alloc(0)

/** What was read from a caller and cannot be used yet: half a head, a body that waits, pipelined requests. */
export class Intake {
  held = EMPTY
  paused = false
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Keeps what stands from `i` on. */
  keep(bytes: Buffer, i: number): void {
    this.held = i === 0 ? bytes : Buffer.from(bytes.subarray(i))
  }

  /** Keeps it, and reads nothing more for now. @returns -1: nothing of it is used */
  hold(bytes: Buffer, i: number): -1 {
    this.keep(bytes, i)
    this.pause()
    return -1
  }

  /** Gives back what was kept. */
  take(): Buffer {
    const { held } = this
    this.held = EMPTY
    return held
  }

  /**
   * What was kept with what came now, or null where that is no reason to look again: half a head is
   * read again only when another line is there, so that a drip costs no more than it sends.
   */
  join(bytes: Buffer, halfHead: boolean, mostLineBytes: number): Buffer | null {
    if (this.held.length === 0) return bytes
    const joined = Buffer.concat([this.held, bytes])
    const noLineEnd = halfHead && bytes.indexOf(LF) === -1
    if (this.paused || (noLineEnd && joined.length <= mostLineBytes)) {
      this.held = joined
      return null
    }
    this.held = EMPTY
    return joined
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
    this.held = EMPTY
  }
}
