import { ascii } from '../bytes.ts'
import { FRAMING, Head, LINE } from '../head.ts'
import { ID, type NameTable } from '../names.ts'
import { ChunkScanner, type SpanSink } from './chunks.ts'
import { parseFields } from './fields.ts'

const CRLF = ascii('\r\n')
const LAST_CHUNK = ascii('0\r\n\r\n')
const MOST_TRAILER_BYTES = 8192
const TRAILERS = new Head()

/**
 * How the bytes of a body reach the other side. `asItStands`: length or chunks as they came.
 * `bare`: only the data, for a caller that knows no chunks. `chunked`: a body that ended with its
 * connection gets chunks, so that a cut one cannot pass for a whole one.
 */
export type Carry = 'asItStands' | 'bare' | 'chunked'

/** Reads one message body and hands it on span by span, until it knows that the body has ended. */
export class Body {
  done = true
  #framing: number = FRAMING.none
  #left = 0
  #carry: Carry = 'asItStands'
  readonly #chunks = new ChunkScanner()
  readonly #names: NameTable
  /** A trailer may go on only where the response names allow it; requests' trailers are dropped. */
  readonly #keepTrailer: ((id: number) => boolean) | null

  constructor(names: NameTable, keepTrailer: ((id: number) => boolean) | null) {
    this.#names = names
    this.#keepTrailer = keepTrailer
  }

  begin(head: Head, carry: Carry): void {
    this.#framing = head.framing
    this.#left = head.contentLength
    this.#carry = carry
    this.done = !head.hasBody
    if (head.framing === FRAMING.chunked) this.#chunks.begin(carry === 'bare', MOST_TRAILER_BYTES)
  }

  /** Nothing is expected any more. */
  stop(): void {
    this.done = true
  }

  get endsWithConnection(): boolean {
    return this.#framing === FRAMING.untilClose
  }

  /** @returns the position behind the last byte of this body, or -1 where it is broken */
  take(bytes: Buffer, start: number, end: number, sink: SpanSink): number {
    if (this.#framing === FRAMING.length) return this.#takeLength(bytes, start, end, sink)
    if (this.#framing === FRAMING.chunked) return this.#takeChunks(bytes, start, end, sink)
    if (this.#carry === 'chunked' && end > start) {
      const size = ascii(`${(end - start).toString(16)}\r\n`)
      sink.span(size, 0, size.length)
      sink.span(bytes, start, end)
      sink.span(CRLF, 0, CRLF.length)
    } else sink.span(bytes, start, end)
    return end
  }

  /** The connection ended. Was that the end of the body? */
  connectionEnded(sink: SpanSink): boolean {
    if (this.#framing !== FRAMING.untilClose || this.done) return this.done
    if (this.#carry === 'chunked') sink.span(LAST_CHUNK, 0, LAST_CHUNK.length)
    this.done = true
    return true
  }

  #takeLength(bytes: Buffer, start: number, end: number, sink: SpanSink): number {
    const stop = Math.min(end, start + this.#left)
    this.#left -= stop - start
    if (stop > start) sink.span(bytes, start, stop)
    if (this.#left === 0) this.done = true
    return stop
  }

  #takeChunks(bytes: Buffer, start: number, end: number, sink: SpanSink): number {
    const stop = this.#chunks.take(bytes, start, end, sink)
    if (stop === -1 || !this.#chunks.done) return stop
    const { trailers } = this.#chunks
    if (trailers.length > 0 && !this.#trailers(trailers, sink)) return -1
    if (this.#carry === 'asItStands') sink.span(CRLF, 0, CRLF.length)
    this.done = true
    return stop
  }

  /** Trailers are fields: as strict, and without framing, hop-by-hop and guarded names. */
  #trailers(section: Buffer, sink: SpanSink): boolean {
    const bytes = Buffer.concat([section, CRLF])
    TRAILERS.begin(bytes, 0)
    if (parseFields(TRAILERS, this.#names, 0, bytes.length, MOST_TRAILER_LINES) !== bytes.length) {
      return false
    }
    // RFC 9110 section 6.5.1: the body has been framed; whoever believes these ends it elsewhere.
    if (TRAILERS.has(ID.contentLength) || TRAILERS.has(ID.transferEncoding)) return false
    if (this.#keepTrailer === null || this.#carry !== 'asItStands') return true
    for (let line = 0; line < TRAILERS.count; line++) {
      const id = TRAILERS.ids[line]!
      if (TRAILERS.fate[line] !== LINE.open || !this.#keepTrailer(id) || isFrame(id)) continue
      sink.span(bytes, TRAILERS.nameStart[line]!, TRAILERS.lineEnd(line))
    }
    return true
  }
}

const MOST_TRAILER_LINES = 64

function isFrame(id: number): boolean {
  return id === ID.host || id === ID.trailer || id === ID.expect
}
