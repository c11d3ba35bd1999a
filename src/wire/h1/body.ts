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
 * How the bytes of a body reach the other side. `asItStands`: length or chunks unchanged. `bare`:
 * only the data, for a caller that does not support chunks. `chunked`: a body that ended with its
 * connection gets chunks, so that a cut one does not look complete.
 */
export type Carry = 'asItStands' | 'bare' | 'chunked'

/**
 * The positions of the spans in one read: nothing is forwarded before the whole read has been
 * judged.
 */
class Spans implements SpanSink {
  count = 0
  #bounds = new Int32Array(32)
  /** Whose they are. */
  owner: Body | null = null

  begin(owner: Body): void {
    this.owner = owner
    this.count = 0
  }

  span(_bytes: Buffer, start: number, end: number): void {
    if (2 * this.count === this.#bounds.length) {
      const grown = new Int32Array(2 * this.#bounds.length)
      grown.set(this.#bounds)
      this.#bounds = grown
    }
    this.#bounds[2 * this.count] = start
    this.#bounds[2 * this.count + 1] = end
    this.count++
  }

  get length(): number {
    let length = 0
    for (let i = 0; i < this.count; i++) length += this.#bounds[2 * i + 1]! - this.#bounds[2 * i]!
    return length
  }

  handOn(bytes: Buffer, sink: SpanSink): void {
    for (let i = 0; i < this.count; i++) {
      sink.span(bytes, this.#bounds[2 * i]!, this.#bounds[2 * i + 1]!)
    }
  }
}

const SPANS = new Spans()

/**
 * Reads one message body until it knows that the body has ended. Each read is judged to its last
 * byte before its first byte is forwarded.
 */
export class Body {
  done = true
  #framing: number = FRAMING.none
  #left = 0
  #carry: Carry = 'asItStands'
  /** Trailer lines that are forwarded when the body is complete. */
  #kept: Buffer | null = null
  readonly #chunks = new ChunkScanner()
  readonly #names: NameTable
  /**
   * A trailer is forwarded only if the names of responses allow it; requests' trailers are dropped.
   */
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
    this.#kept = null
    if (head.framing === FRAMING.chunked) this.#chunks.begin(carry === 'bare', MOST_TRAILER_BYTES)
  }

  /** Nothing is expected any more. */
  stop(): void {
    this.done = true
  }

  get endsWithConnection(): boolean {
    return this.#framing === FRAMING.untilClose
  }

  /** Judges [start, end) and forwards it. @returns as `judge` */
  take(bytes: Buffer, start: number, end: number, sink: SpanSink): number {
    const next = this.judge(bytes, start, end)
    if (next !== -1) this.handOn(bytes, sink)
    return next
  }

  /**
   * Reads [start, end) and forwards nothing yet.
   * @returns the position after the last byte of this body, or -1 if it is broken
   */
  judge(bytes: Buffer, start: number, end: number): number {
    SPANS.begin(this)
    if (this.#framing === FRAMING.chunked) return this.#judgeChunks(bytes, start, end)
    const isLength = this.#framing === FRAMING.length
    const stop = isLength ? Math.min(end, start + this.#left) : end
    if (stop > start) SPANS.span(bytes, start, stop)
    if (isLength) {
      this.#left -= stop - start
      this.done = this.#left === 0
    }
    return stop
  }

  /** Forwards what was judged last; no other body may have been judged in between. */
  handOn(bytes: Buffer, sink: SpanSink): void {
    if (SPANS.owner !== this) throw new Error('another body has been judged meanwhile')
    SPANS.owner = null
    if (this.#framing === FRAMING.untilClose && this.#carry === 'chunked') {
      this.#asChunks(bytes, sink)
      return
    }
    SPANS.handOn(bytes, sink)
    if (this.#framing !== FRAMING.chunked || !this.done || this.#carry !== 'asItStands') return
    if (this.#kept !== null) sink.span(this.#kept, 0, this.#kept.length)
    this.#kept = null
    sink.span(CRLF, 0, CRLF.length)
  }

  /** The connection ended. Was that the end of the body? */
  connectionEnded(sink: SpanSink): boolean {
    if (this.#framing !== FRAMING.untilClose || this.done) return this.done
    if (this.#carry === 'chunked') sink.span(LAST_CHUNK, 0, LAST_CHUNK.length)
    this.done = true
    return true
  }

  #judgeChunks(bytes: Buffer, start: number, end: number): number {
    const stop = this.#chunks.take(bytes, start, end, SPANS)
    if (stop === -1 || !this.#chunks.done) return stop
    const { trailers } = this.#chunks
    if (trailers.length > 0 && !this.#trailers(trailers)) return -1
    this.done = true
    return stop
  }

  /** A body that ends with its connection, as it came in this read. */
  #asChunks(bytes: Buffer, sink: SpanSink): void {
    if (SPANS.count === 0) return
    const size = ascii(`${SPANS.length.toString(16)}\r\n`)
    sink.span(size, 0, size.length)
    SPANS.handOn(bytes, sink)
    sink.span(CRLF, 0, CRLF.length)
  }

  /** Trailers are fields: as strict, and without framing, hop-by-hop and guarded names. */
  #trailers(section: Buffer): boolean {
    const bytes = Buffer.concat([section, CRLF])
    TRAILERS.begin(bytes, 0)
    if (parseFields(TRAILERS, this.#names, 0, bytes.length, MOST_TRAILER_LINES) !== bytes.length) {
      return false
    }
    // RFC 9110 section 6.5.1: the body has been framed already; a reader that uses these fields
    // would end it elsewhere.
    if (TRAILERS.has(ID.contentLength) || TRAILERS.has(ID.transferEncoding)) return false
    if (this.#keepTrailer === null || this.#carry !== 'asItStands') return true
    const kept: Buffer[] = []
    for (let line = 0; line < TRAILERS.count; line++) {
      const id = TRAILERS.ids[line]!
      if (TRAILERS.action[line] !== LINE.open || !this.#keepTrailer(id) || isFrame(id)) continue
      kept.push(bytes.subarray(TRAILERS.nameStart[line]!, TRAILERS.lineEnd(line)))
    }
    if (kept.length > 0) this.#kept = Buffer.concat(kept)
    return true
  }
}

const MOST_TRAILER_LINES = 64

function isFrame(id: number): boolean {
  return id === ID.host || id === ID.trailer || id === ID.expect
}

const NOWHERE: SpanSink = { span: () => {} }
/** How much of a refused request's body is read so that the connection can be reused. */
export const MOST_REFUSED_BYTES = 262_144

/** Reads the body of a refused request and throws it away. */
export class Discard {
  active = false
  #bytes = 0

  begin(): void {
    this.active = true
    this.#bytes = 0
  }

  end(): void {
    this.active = false
  }

  /** @returns the position after the end of the body, or -1 if it is broken or too long */
  take(body: Body, bytes: Buffer, i: number): number {
    const next = body.take(bytes, i, bytes.length, NOWHERE)
    if (next === -1) return -1
    this.#bytes += next - i
    if (body.done) this.active = false
    return this.#bytes > MOST_REFUSED_BYTES ? -1 : next
  }
}
