import { CR, LF } from './bytes.ts'
import type { HeadLimits } from './head.ts'
import { WaitingBytes } from './waiting-bytes.ts'

/**
 * A head that has arrived only in part. Parsing it costs its length, so it is parsed again only if
 * that can find something new: its first line is there, it is complete, it is too long, or it has
 * doubled. Otherwise a caller that sends it byte by byte would make us parse all of it for each
 * byte.
 */
export class HalfHead {
  readonly #waiting = new WaitingBytes()
  #readBytes = 0

  get length(): number {
    return this.#waiting.length
  }

  /** Keeps [from, to), which was parsed without finding the end. */
  keep(bytes: Buffer, from: number, to: number): void {
    this.#waiting.clear()
    this.#waiting.add(bytes, from, to)
    this.#readBytes = to - from
  }

  /** Adds what came, whatever it is. */
  add(bytes: Buffer, from: number, to: number): void {
    this.#waiting.add(bytes, from, to)
  }

  /** Adds what arrived. @returns all of it if it should be parsed again, else null */
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

  /** May a frame of this type and id come now? */
  fits(type: number, id: number): boolean {
    return this.#id === 0 || (this.#id === id && this.#type === type)
  }

  /** Adds one piece; bytes beyond the limits are not kept. */
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
