import { CR, LF } from './bytes.ts'
import type { HeadLimits } from './head.ts'
import { WaitingBytes } from './waiting-bytes.ts'

/**
 * A head of which a part has come. To read it costs its length, so it is read again only where that
 * can tell more: its first line is there, it is whole, too long, or twice what it was. Else a caller that
 * sends it byte by byte would have us read all of it for each.
 */
export class HalfHead {
  readonly #waiting = new WaitingBytes()
  #readBytes = 0

  get length(): number {
    return this.#waiting.length
  }

  /** Keeps [from, to), which has just been read in vain. */
  keep(bytes: Buffer, from: number, to: number): void {
    this.#waiting.clear()
    this.#waiting.add(bytes, from, to)
    this.#readBytes = to - from
  }

  /** Adds what came, whatever it is. */
  add(bytes: Buffer, from: number, to: number): void {
    this.#waiting.add(bytes, from, to)
  }

  /** Adds what came. @returns all of it where it is to be read again, else null */
  join(bytes: Buffer, from: number, to: number, limits: HeadLimits): Buffer | null {
    const before = this.length
    this.add(bytes, from, to)
    return this.#tellsMore(before, limits) ? this.take() : null
  }

  /** Gives back what was kept. */
  take(): Buffer {
    return this.#waiting.take()
  }

  drop(): void {
    this.#waiting.clear()
  }

  #tellsMore(before: number, { requestLineBytes, headerBytes }: HeadLimits): boolean {
    const { bytes } = this.#waiting
    const { length } = bytes
    if (length >= 2 * this.#readBytes || length > requestLineBytes + headerBytes) return true
    if (before <= requestLineBytes && length > requestLineBytes) return true
    const first = bytes.indexOf(LF)
    if (first >= before) return true
    for (let i = bytes.indexOf(LF, before); i !== -1; i = bytes.indexOf(LF, i + 1)) {
      if (bytes[i - 1] === LF || (bytes[i - 1] === CR && bytes[i - 2] === LF)) return true
    }
    return false
  }
}

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
