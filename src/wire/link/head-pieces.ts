import type { HeadLimits } from '../head.ts'
import { WaitingBytes } from '../waiting-bytes.ts'

/** A head that is longer than a frame comes in several, without any other frame between them. */
export class HeadPieces {
  readonly #mostBytes: number
  readonly #pieces = new WaitingBytes()
  #type = 0
  #id = 0

  constructor({ requestLineBytes, headerBytes }: HeadLimits) {
    // A little more than a head may have: the parser says by which limit it is too long.
    this.#mostBytes = requestLineBytes + headerBytes + 64
  }

  /** Is a head begun and not whole? */
  get begun(): boolean {
    return this.#id !== 0
  }

  get bufferedBytes(): number {
    return this.#pieces.length
  }

  /** May a frame of this type and id come now? */
  fits(type: number, id: number): boolean {
    return this.#id === 0 || (this.#id === id && this.#type === type)
  }

  /** Takes one piece; what is beyond the limits is not kept. */
  add(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.#type = type
    this.#id = id
    const stop = Math.min(end, start + this.#mostBytes - this.#pieces.length)
    if (stop <= start) return
    this.#pieces.add(bytes, start, stop)
  }

  /** The whole, as far as it was kept. */
  take(): Buffer {
    this.#id = 0
    return this.#pieces.take()
  }
}
