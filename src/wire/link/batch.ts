import type { Socket } from 'node:net'
import { FLAG, FRAME, FRAME_HEADER_BYTES, MOST_PAYLOAD_BYTES } from './frames.ts'

const FIRST_BYTES = 16_384
/** No DATA is added to a batch beyond this size: it waits for its turn. */
const BATCH_BYTES = 1_048_576
/** A buffer that grew larger than this is released when the link has become idle. */
const KEPT_BYTES = 65_536

/** A body that waits for its turn in the batch. */
export interface QueuedBody {
  /** It is in the line already. */
  inLine: boolean
  /** Puts one frame into the batch. @returns false: there are no more for now */
  pump(): boolean
}

/**
 * Output of one link. Everything that becomes ready in one turn of the event loop leaves in one
 * write; meanwhile the next batch fills a second buffer.
 */
export class Batch {
  readonly #socket: Socket
  #out: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #spare: Buffer | null = null
  #length = 0
  /** Where the last frame of the batch begins (-1: none), and its exchange. */
  #lastAt = -1
  #lastId = 0
  /** The exchange of the first frame of the batch. */
  #firstId = 0
  /** Exchanges whose END is in the batch, and in the write under way. */
  #ends = 0
  #endsInFlight = 0
  #inFlightBytes = 0
  #inFlight: Buffer | null = null
  #scheduled: NodeJS.Immediate | null = null
  #stopped = false
  #line: QueuedBody[] = []
  readonly #run: () => void
  readonly #written: () => void
  /** Increases with each completed write. */
  writes = 0
  /** The number of the batch that is being filled: nothing of it has left. */
  filling = 1

  constructor(socket: Socket) {
    this.#socket = socket
    this.#run = () => {
      this.#scheduled = null
      this.flush()
    }
    this.#written = () => this.#taken()
  }

  /** May more DATA go into this batch? */
  get hasRoom(): boolean {
    return this.#length < BATCH_BYTES
  }

  /** Bytes that have not left yet. */
  get waitingBytes(): number {
    return this.#length + this.#inFlightBytes
  }

  /** Is a write under way? */
  get busy(): boolean {
    return this.#inFlight !== null
  }

  /** Exchanges that are over; the peer cannot know it yet. */
  get unsentEnds(): number {
    return this.#ends + this.#endsInFlight
  }

  /** A whole frame; the payload is copied. */
  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (this.#stopped) return
    const length = end - start
    this.#reserve(FRAME_HEADER_BYTES + length)
    const out = this.#out
    const at = this.#length
    out[at] = type
    out[at + 1] = flags
    out[at + 2] = length >>> 8
    out[at + 3] = length
    out[at + 4] = id >>> 24
    out[at + 5] = id >>> 16
    out[at + 6] = id >>> 8
    out[at + 7] = id
    bytes.copy(out, at + FRAME_HEADER_BYTES, start, end)
    if (at === 0) this.#firstId = id
    this.#lastAt = at
    this.#lastId = id
    this.#length = at + FRAME_HEADER_BYTES + length
    this.#schedule()
  }

  /** A head, in as many frames as it needs. */
  head(type: number, flags: number, id: number, bytes: Buffer, end: number): void {
    let i = 0
    for (; end - i > MOST_PAYLOAD_BYTES; i += MOST_PAYLOAD_BYTES) {
      const more = (flags & FLAG.info) | FLAG.more
      this.frame(type, more, id, bytes, i, i + MOST_PAYLOAD_BYTES)
    }
    this.frame(type, flags, id, bytes, i, end)
  }

  /** Body bytes; appended to the previous frame if that is DATA of the same exchange. */
  data(id: number, bytes: Buffer, start: number, end: number): void {
    const at = this.#lastAt
    if (at !== -1 && this.#lastId === id && this.#out[at] === FRAME.data) {
      const length = this.#length - at - FRAME_HEADER_BYTES + end - start
      if (length <= MOST_PAYLOAD_BYTES) {
        this.#reserve(end - start)
        bytes.copy(this.#out, this.#length, start, end)
        this.#length += end - start
        this.#out[at + 2] = length >>> 8
        this.#out[at + 3] = length
        return
      }
    }
    this.frame(FRAME.data, 0, id, bytes, start, end)
  }

  /** This half of the exchange is over: marked in its last frame if that has not left yet. */
  end(id: number): void {
    this.#ends++
    const at = this.#lastAt
    const type = at === -1 ? 0 : this.#out[at]!
    const last = type === FRAME.open || type === FRAME.head || type === FRAME.data
    if (last && this.#lastId === id && (this.#out[at + 1]! & FLAG.info) === 0) {
      this.#out[at + 1] = this.#out[at + 1]! | FLAG.end
    } else this.frame(FRAME.end, 0, id, this.#out, 0, 0)
  }

  credit(id: number, bytes: number): void {
    NUMBER.writeUInt32BE(bytes)
    this.frame(FRAME.credit, 0, id, NUMBER, 0, 4)
  }

  reset(id: number, why: number): void {
    NUMBER[0] = why
    this.frame(FRAME.reset, 0, id, NUMBER, 0, 1)
  }

  /** It has something waiting, and gets its turn when there is room. */
  line(sender: QueuedBody): void {
    this.#line.push(sender)
    this.#schedule()
  }

  /**
   * Writes at once if the batch is only of this exchange: no other is busy, so nothing would be
   * added.
   */
  flushAlone(id: number): void {
    if (this.#firstId === id && this.#lastId === id) this.flush()
  }

  /** Writes what there is, unless a write is under way. */
  flush(): void {
    if (this.#inFlight !== null || this.#stopped) return
    if (this.#scheduled !== null) {
      clearImmediate(this.#scheduled)
      this.#scheduled = null
    }
    this.#fill()
    if (this.#length === 0) return
    const out = this.#out
    this.filling++
    this.#inFlight = out
    this.#inFlightBytes = this.#length
    this.#endsInFlight = this.#ends
    this.#out = this.#spare ?? Buffer.allocUnsafeSlow(FIRST_BYTES)
    this.#spare = null
    this.#length = 0
    this.#ends = 0
    this.#lastAt = -1
    this.#socket.write(out.subarray(0, this.#inFlightBytes), this.#written)
  }

  /** Writes the rest and ends the stream. */
  finish(): void {
    if (this.#stopped) return
    this.filling++
    // The current write may take long; this buffer is never reused.
    this.#socket.end(this.#out.subarray(0, this.#length))
    this.stop()
  }

  /** The link is over: nothing is written any more. */
  stop(): void {
    this.#stopped = true
    this.#length = 0
    this.#inFlightBytes = 0
    this.#line = []
  }

  /** The link is idle: memory that a large body needed is released. */
  shrink(): void {
    if (this.#spare !== null && this.#spare.length > KEPT_BYTES) this.#spare = null
    if (this.#length === 0 && this.#out.length > KEPT_BYTES) {
      this.#out = Buffer.allocUnsafeSlow(FIRST_BYTES)
    }
  }

  /** One frame for each that waits, in turn, until the batch is full. */
  #fill(): void {
    for (let i = 0; i < this.#line.length; i++) {
      if (!this.hasRoom) {
        this.#line = this.#line.slice(i)
        return
      }
      const sender = this.#line[i]!
      if (sender.pump()) this.#line.push(sender)
      else sender.inLine = false
    }
    this.#line = []
  }

  #taken(): void {
    this.writes++
    this.#spare = this.#inFlight
    this.#inFlight = null
    this.#inFlightBytes = 0
    this.#endsInFlight = 0
    if (this.#length > 0 || this.#line.length > 0) this.flush()
  }

  #schedule(): void {
    if (this.#scheduled !== null || this.#inFlight !== null) return
    this.#scheduled = setImmediate(this.#run)
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#out.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#out.length * 2))
    this.#out.copy(grown, 0, 0, this.#length)
    this.#out = grown
  }
}

const NUMBER = Buffer.alloc(4)
