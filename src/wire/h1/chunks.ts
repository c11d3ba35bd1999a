import { BACKSLASH, CR, EQUALS, HEX, LF, QUOTE, SEMICOLON, TOKEN, VALUE } from '../bytes.ts'

/** Where spans of a body are written. A span is valid only during the call. */
export interface SpanSink {
  span(bytes: Buffer, start: number, end: number): void
}

/** Extensions are read and dropped; more of them than this in one body is an attack (CVE-2024-22019). */
const MOST_EXTENSION_BYTES = 4096
/**
 * The largest size for a reader that counts in signed 32 bits. Netty (and so Okapi) does, and
 * detects an overflow only if the number turns negative: it reads `100000002` as 2
 * (HttpObjectDecoder.getChunkSize, 4.1.128), and what follows these two bytes as the next request.
 * So does the JDK's HttpServer.
 */
const MOST_SIZE = 0x7fffffff
/** Including leading zeros: some readers count digits. */
const MOST_SIZE_DIGITS = 8

const EMPTY: Buffer = Buffer.alloc(0)

const SIZE_FIRST = 0
const SIZE = 1
const SIZE_LF = 2
const EXT_NAME_FIRST = 3
const EXT_NAME = 4
const EXT_VALUE_FIRST = 5
const EXT_VALUE = 6
const EXT_QUOTED = 7
const EXT_ESCAPED = 8
const EXT_QUOTED_END = 9
const DATA = 10
const DATA_CR = 11
const DATA_LF = 12
const TRAILER_FIRST = 13
const TRAILER = 14
const LAST_LF = 15
const DONE = 16

/**
 * Walks over a chunked body (RFC 9112 section 7.1) that may be split anywhere, and forwards sizes,
 * data and line ends unchanged; extensions are dropped and trailers collected.
 */
export class ChunkScanner {
  #state = SIZE_FIRST
  #left = 0
  #digits = 0
  #extensionBytes = 0
  #trailers: Buffer = EMPTY
  /**
   * Only the data is forwarded, without its framing: for HTTP/1.0 callers, which do not support
   * chunks.
   */
  #bare = false
  #mostTrailerBytes = 0

  begin(bare: boolean, mostTrailerBytes: number): void {
    this.#state = SIZE_FIRST
    this.#left = 0
    this.#digits = 0
    this.#extensionBytes = 0
    this.#trailers = EMPTY
    this.#bare = bare
    this.#mostTrailerBytes = mostTrailerBytes
  }

  get done(): boolean {
    return this.#state === DONE
  }

  /** The trailer lines with their line ends, unchanged; empty if there are none. */
  get trailers(): Buffer {
    return this.#trailers
  }

  /**
   * @returns the position up to which the bytes belong to this body, or -1 if it is broken. The
   * last chunk's line (`0`) is forwarded; the code that calls this writes the empty line after the
   * trailers.
   */
  take(bytes: Buffer, start: number, end: number, sink: SpanSink): number {
    let i = start
    // Framing to forward begins here; -1 while inside something that is dropped.
    let from = this.#dropping() ? -1 : start
    while (i < end) {
      const state = this.#state
      if (state === DATA) {
        const stop = Math.min(end, i + this.#left)
        if (this.#bare) sink.span(bytes, i, stop)
        this.#left -= stop - i
        i = stop
        if (this.#left === 0) this.#state = DATA_CR
        continue
      }
      if (state === TRAILER_FIRST || state === TRAILER) {
        i = this.#trailer(bytes, i, end)
        if (i === -1) return -1
        continue
      }
      const byte = bytes[i]!
      const next = this.#step(state, byte)
      if (next === -1) return -1
      if (next === EXT_NAME_FIRST && state === SIZE) {
        if (!this.#bare) sink.span(bytes, from, i)
        from = -1
      } else if (next === SIZE_LF && from === -1) from = i
      i++
      this.#state = next
      if (next === DONE) return i
      if (next === TRAILER_FIRST) {
        if (!this.#bare) sink.span(bytes, from, i)
        from = -1
      }
    }
    if (from !== -1 && !this.#bare && from < i) sink.span(bytes, from, i)
    return i
  }

  #dropping(): boolean {
    const state = this.#state
    return (state >= EXT_NAME_FIRST && state <= EXT_QUOTED_END) || state >= TRAILER_FIRST
  }

  /** The state after one byte of framing, or -1. */
  #step(state: number, byte: number): number {
    switch (state) {
      case SIZE_FIRST:
      case SIZE:
        return this.#size(state, byte)
      case SIZE_LF:
        if (byte !== LF) return -1
        this.#digits = 0
        return this.#left === 0 ? TRAILER_FIRST : DATA
      case DATA_CR:
        return byte === CR ? DATA_LF : -1
      case DATA_LF:
        return byte === LF ? SIZE_FIRST : -1
      case LAST_LF:
        return byte === LF ? DONE : -1
      default:
        return ++this.#extensionBytes > MOST_EXTENSION_BYTES ? -1 : extension(state, byte)
    }
  }

  #size(state: number, byte: number): number {
    const digit = HEX[byte]!
    if (digit !== 255) {
      this.#left = this.#left * 16 + digit
      return ++this.#digits > MOST_SIZE_DIGITS || this.#left > MOST_SIZE ? -1 : SIZE
    }
    if (state === SIZE_FIRST) return -1
    return byte === CR ? SIZE_LF : byte === SEMICOLON ? EXT_NAME_FIRST : -1
  }

  /**
   * One line of the trailer section, or its part so far; its syntax is checked when it is complete.
   */
  #trailer(bytes: Buffer, start: number, end: number): number {
    if (this.#state === TRAILER_FIRST && bytes[start] === CR) {
      this.#state = LAST_LF
      return start + 1
    }
    this.#state = TRAILER
    const lineFeed = bytes.indexOf(LF, start)
    const stop = lineFeed === -1 || lineFeed >= end ? end : lineFeed + 1
    if (this.#trailers.length + stop - start > this.#mostTrailerBytes) return -1
    this.#trailers = Buffer.concat([this.#trailers, bytes.subarray(start, stop)])
    if (this.#trailers[this.#trailers.length - 1] === LF) this.#state = TRAILER_FIRST
    return stop
  }
}

/** `;name`, `;name=token`, `;name="quoted"` (RFC 9112 section 7.1.1), byte by byte. */
function extension(state: number, byte: number): number {
  switch (state) {
    case EXT_NAME_FIRST:
      return TOKEN[byte] === 1 ? EXT_NAME : -1
    case EXT_NAME:
      if (TOKEN[byte] === 1) return EXT_NAME
      return byte === EQUALS ? EXT_VALUE_FIRST : afterExtension(byte)
    case EXT_VALUE_FIRST:
      if (byte === QUOTE) return EXT_QUOTED
      return TOKEN[byte] === 1 ? EXT_VALUE : -1
    case EXT_VALUE:
      return TOKEN[byte] === 1 ? EXT_VALUE : afterExtension(byte)
    case EXT_QUOTED:
      if (byte === QUOTE) return EXT_QUOTED_END
      if (byte === BACKSLASH) return EXT_ESCAPED
      return VALUE[byte] === 1 ? EXT_QUOTED : -1
    case EXT_ESCAPED:
      return VALUE[byte] === 1 ? EXT_QUOTED : -1
    default:
      return afterExtension(byte)
  }
}

function afterExtension(byte: number): number {
  return byte === SEMICOLON ? EXT_NAME_FIRST : byte === CR ? SIZE_LF : -1
}
