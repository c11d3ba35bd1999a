import type { HeadLimits } from '../head.ts'
import { WaitingBytes } from '../waiting-bytes.ts'
import type { LinkFrame } from './frame-reader.ts'

/** A head that is longer than a frame arrives in several, with no other frame between them. */
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

  /** May this frame come now? */
  fits({ type, id }: LinkFrame): boolean {
    return this.#id === 0 || (this.#id === id && this.#type === type)
  }

  /** Adds one piece; bytes beyond the limits are not kept. */
  add({ type, id, bytes, start, end }: LinkFrame): void {
    this.#type = type
    this.#id = id
    const stop = Math.min(end, start + this.#mostBytes - this.#pieces.length)
    if (stop > start) this.#pieces.add(bytes, start, stop)
  }

  /** All pieces as one frame, as far as they were kept. */
  whole(last: LinkFrame): LinkFrame {
    this.#id = 0
    const bytes = this.#pieces.take()
    return { ...last, bytes, start: 0, end: bytes.length }
  }
}
