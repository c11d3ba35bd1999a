import type { LinkEnding } from '../../refusal/link-endings.ts'
import { FLAG, FRAME, FRAME_HEADER_BYTES, isFrame, MOST_PAYLOAD_BYTES } from './frames.ts'

const NOTHING: Buffer = Buffer.alloc(0)

/** A frame that has arrived. Its payload is [start, end) of `bytes`. */
export interface LinkFrame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** Who gets the frames. Each answers null, or why the link must be closed. */
export interface FrameSink {
  /** A DATA frame begins: `length` counts against credit before any byte of it is looked at. */
  dataBegins(id: number, length: number): LinkEnding | null
  /** A part of its payload; valid during the call only. */
  data(id: number, bytes: Buffer, start: number, end: number): LinkEnding | null
  /** The DATA frame that was read last carried END. */
  dataEnds(id: number): LinkEnding | null
  /** Any other frame, whole; it is valid during the call only. */
  frame(frame: LinkFrame): LinkEnding | null
  /** Does it accept no further frame in this turn? */
  readonly hadItsTurn?: boolean
}

/**
 * Parses frames that may be split anywhere. DATA is passed on as it arrives; other frames are
 * assembled first.
 */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #header = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
  #headerBytes = 0
  #partial: Buffer | null = null
  #partialBytes = 0
  /** Of the frame that is being read; -1 between frames. */
  #left = -1
  /** One object serves all frames. */
  readonly #frame = { type: 0, flags: 0, id: 0, bytes: NOTHING, start: 0, end: 0 }
  /** Frames that have begun. */
  frames = 0
  /** How much of the last read was processed: its sink may have used up its turn. */
  usedTo = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Is a frame begun and not over? */
  get within(): boolean {
    return this.#left !== -1 || this.#headerBytes > 0
  }

  /** Bytes of an unfinished frame that are kept. */
  get bufferedBytes(): number {
    return this.#partialBytes + this.#headerBytes
  }

  /** @returns null, or why the link must be closed; then nothing more may be read */
  read(bytes: Buffer, start: number, end: number): LinkEnding | null {
    let i = start
    while (i < end) {
      if (this.#left === -1) {
        if (this.#headerBytes === 0 && this.#sink.hadItsTurn === true) break
        i = this.#readHeader(bytes, i, end)
        if (this.#left === -1) break
        const flaw = this.#begins()
        if (flaw !== null) return flaw
        if (this.#left > 0) continue
        // A frame without payload ends with its header.
        this.#left = -1
        const ended = this.#whole(bytes, i, i)
        if (ended !== null) return ended
        continue
      }
      const stop = Math.min(end, i + this.#left)
      const flaw = this.#payload(bytes, i, stop)
      if (flaw !== null) return flaw
      i = stop
    }
    this.usedTo = i
    return null
  }

  #readHeader(bytes: Buffer, i: number, end: number): number {
    if (this.#headerBytes === 0 && end - i >= FRAME_HEADER_BYTES) {
      this.#parse(bytes, i)
      return i + FRAME_HEADER_BYTES
    }
    const taken = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, end - i)
    bytes.copy(this.#header, this.#headerBytes, i, i + taken)
    this.#headerBytes += taken
    if (this.#headerBytes === FRAME_HEADER_BYTES) {
      this.#headerBytes = 0
      this.#parse(this.#header, 0)
    }
    return i + taken
  }

  #parse(bytes: Buffer, i: number): void {
    const frame = this.#frame
    frame.type = bytes[i]!
    frame.flags = bytes[i + 1]!
    this.#left = (bytes[i + 2]! << 8) | bytes[i + 3]!
    frame.id =
      ((bytes[i + 4]! << 24) | (bytes[i + 5]! << 16) | (bytes[i + 6]! << 8) | bytes[i + 7]!) >>> 0
  }

  #begins(): LinkEnding | null {
    this.frames++
    const { type, flags, id } = this.#frame
    if (!isFrame(type, flags, this.#left, id)) return 'bad-frame'
    return type === FRAME.data ? this.#sink.dataBegins(id, this.#left) : null
  }

  #payload(bytes: Buffer, start: number, end: number): LinkEnding | null {
    const whole = end - start === this.#left
    const { type, flags, id } = this.#frame
    if (type === FRAME.data) {
      this.#left = whole ? -1 : this.#left - (end - start)
      const flaw = this.#sink.data(id, bytes, start, end)
      if (flaw !== null || !whole || (flags & FLAG.end) === 0) return flaw
      return this.#sink.dataEnds(id)
    }
    if (whole && this.#partialBytes === 0) {
      this.#left = -1
      return this.#whole(bytes, start, end)
    }
    this.#partial ??= Buffer.allocUnsafe(MOST_PAYLOAD_BYTES)
    bytes.copy(this.#partial, this.#partialBytes, start, end)
    this.#partialBytes += end - start
    if (!whole) {
      this.#left -= end - start
      return null
    }
    const [partial, length] = [this.#partial, this.#partialBytes]
    this.#left = -1
    this.#partial = null
    this.#partialBytes = 0
    return this.#whole(partial, 0, length)
  }

  #whole(bytes: Buffer, start: number, end: number): LinkEnding | null {
    const frame = this.#frame
    frame.bytes = bytes
    frame.start = start
    frame.end = end
    return this.#sink.frame(frame)
  }
}
