import { ascii } from './bytes.ts'
import { type Head, LINE } from './head.ts'

const VERSION = ascii('HTTP/1.1 ')
const BLANK = ascii(' ')
/** Up to this length a loop is faster than a native call. */
const SHORT = 32
const CRLF = ascii('\r\n')

/** A head as it goes on. */
export interface Composed {
  readonly bytes: Buffer
  readonly length: number
  /** A copy that stays valid after the next head. */
  copy(): Buffer
}

/** One that stays as it is. */
export class KeptHead implements Composed {
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get length(): number {
    return this.bytes.length
  }

  copy(): Buffer {
    return this.bytes
  }
}

/** Composes one head at a time in a buffer that is used again for the next. */
export class HeadWriter implements Composed {
  bytes = Buffer.allocUnsafeSlow(16384)
  length = 0

  begin(): void {
    this.length = 0
  }

  /** Text of our own, or values that were parsed as field values, so it contains no line ends. */
  text(text: string): void {
    const { length } = text
    this.#reserve(length)
    if (length > SHORT) this.bytes.write(text, this.length, 'latin1')
    else {
      const { bytes } = this
      for (let i = 0; i < length; i++) bytes[this.length + i] = text.charCodeAt(i)
    }
    this.length += length
  }

  span(bytes: Buffer, start: number, end: number): void {
    this.#reserve(end - start)
    if (end - start > SHORT) bytes.copy(this.bytes, this.length, start, end)
    else {
      const out = this.bytes
      for (let i = start, at = this.length; i < end; i++, at++) out[at] = bytes[i]!
    }
    this.length += end - start
  }

  /** The status line in HTTP/1.1, with the blank behind the code that may not be missing. */
  status(head: Head): void {
    const from = head.start + VERSION.length
    const end = (head.count > 0 ? head.nameStart[0]! : head.end - CRLF.length) - CRLF.length
    this.span(VERSION, 0, VERSION.length)
    this.span(head.bytes, from, end)
    if (end - from === '200'.length) this.span(BLANK, 0, BLANK.length)
    this.span(CRLF, 0, CRLF.length)
  }

  /**
   * The lines of `head` unchanged, in their order and case, except those whose id is marked in
   * `drop`, hop-by-hop lines and, if the body is framed again, its framing lines.
   */
  lines(head: Head, drop: Uint8Array, reframed: boolean): void {
    let from = -1
    for (let line = 0; line < head.count; line++) {
      const action = head.action[line]!
      const kept =
        action === LINE.framing ? !reframed : action === LINE.open && !drop[head.ids[line]!]
      if (kept) {
        if (from === -1) from = head.nameStart[line]!
      } else if (from !== -1) {
        this.span(head.bytes, from, head.nameStart[line]!)
        from = -1
      }
    }
    if (from !== -1) this.span(head.bytes, from, head.end - 2)
  }

  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.length))
  }

  #reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow((this.length + more) * 2)
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }
}
