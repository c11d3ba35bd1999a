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
