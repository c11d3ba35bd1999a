import { WaitingBytes } from '../waiting-bytes.ts'
import { Progress } from '../write-buffer.ts'
import type { Batch, QueuedBody } from './batch.ts'
import { MOST_PAYLOAD_BYTES, WINDOW_BYTES } from './frames.ts'

/**
 * A source is read only while this much credit is left, so that little of a read has to wait. The
 * receiver returns credit in halves of the window, which is always more than this.
 */
const NEEDED_BYTES = WINDOW_BYTES / 2

/** Whose body it is. */
export interface BodySource {
  /** Everything that waited was sent: the source may continue. */
  drained(): void
  /** The last byte and END are on their way. */
  sent(): void
}

/** The sending half of an exchange: what credit allows goes into the batch, the rest waits here. */
export class Sender implements QueuedBody {
  readonly #source: BodySource
  #batch: Batch | null = null
  #id = 0
  #credit = WINDOW_BYTES
  readonly #queue = new WaitingBytes()
  /**
   * A copy of what was sent, as long as it may have to be sent again; never more than the window.
   */
  readonly #sent = new WaitingBytes()
  #keeping = false
  #finishing = false
  #stopped = false
  /** Increases when credit arrives or waiting bytes are sent. */
  taken = 0
  readonly #progress = new Progress(this)
  /** Stands in the batch's line. */
  inLine = false
  ended = false

  constructor(source: BodySource) {
    this.#source = source
  }

  /** Forgets the previous exchange; without a batch everything waits. */
  begin(batch: Batch | null, id: number): void {
    this.#batch = batch
    this.#id = id
    this.#credit = WINDOW_BYTES
    this.#queue.clear()
    this.release()
    this.#finishing = false
    this.#stopped = false
    this.#progress.begin()
    this.inLine = false
    this.ended = false
  }

  /** From now on a copy is kept of what is sent. */
  keep(): void {
    this.#keeping = true
  }

  /** What was sent need not be sent again. */
  release(): void {
    this.#keeping = false
    this.#sent.clear()
  }

  /**
   * Everything from the first byte on waits for another link; only possible while a copy is kept.
   */
  rewind(): void {
    const bytes = Buffer.concat([this.#sent.take(), this.#queue.take()])
    const stopped = this.#stopped
    this.begin(null, 0)
    this.keep()
    // A source that was told to stop must be told to continue.
    this.#stopped = stopped
    this.#queue.add(bytes, 0, bytes.length)
  }

  /** There is a link: send what has waited. */
  attach(batch: Batch, id: number): void {
    this.#batch = batch
    this.#id = id
    if (this.#queue.length > 0) this.#line()
  }

  /** The source should stop. */
  get blocked(): boolean {
    if (this.#queue.length === 0 && this.#credit >= NEEDED_BYTES) return false
    this.#stopped = true
    return true
  }

  /** Bytes wait here, or at the source because there is no credit. */
  get waiting(): boolean {
    return this.#queue.length > 0 || this.#stopped
  }

  /** Called at every tick: has the peer accepted nothing of what waits for `mostMs`? 0: never. */
  stalls(now: number, mostMs: number): boolean {
    return this.#progress.stalls(now, mostMs)
  }

  get queuedBytes(): number {
    return this.#queue.length
  }

  /** What waits, and the copy of what has left. */
  get heldBytes(): number {
    return this.#queue.length + this.#sent.length
  }

  /** What waits, joined, to be sent another way. */
  takeQueue(): Buffer {
    const queue = this.#queue.take()
    this.stop()
    return queue
  }

  /** Nothing more is to be sent. */
  stop(): void {
    this.#batch = null
    this.#queue.clear()
    this.release()
  }

  put(bytes: Buffer, start: number, end: number): void {
    let i = start
    const batch = this.#batch
    if (batch !== null && this.#queue.length === 0) {
      while (i < end && this.#credit > 0 && batch.hasRoom) {
        const length = Math.min(end - i, MOST_PAYLOAD_BYTES, this.#credit)
        this.#credit -= length
        batch.data(this.#id, bytes, i, i + length)
        if (this.#keeping) this.#sent.add(bytes, i, i + length)
        i += length
      }
    }
    if (i === end) return
    this.#queue.add(bytes, i, end)
    if (batch !== null && this.#credit > 0) this.#line()
  }

  /** The body is whole: END goes behind its last byte. */
  finish(): void {
    this.#finishing = true
    if (this.#queue.length === 0) this.#end()
  }

  /** The peer gave credit. False when it gave more than the window holds. */
  granted(bytes: number): boolean {
    this.#credit += bytes
    this.taken++
    if (this.#credit > WINDOW_BYTES) return false
    if (this.#queue.length > 0) this.#line()
    else this.#tell()
    return true
  }

  /** Sends one frame of what waits; the batch asks each in turn. @returns whether there is more */
  pump(): boolean {
    const batch = this.#batch
    if (this.#queue.length === 0 || batch === null || this.#credit === 0) return false
    const next = this.#queue.shift(Math.min(MOST_PAYLOAD_BYTES, this.#credit))
    this.#credit -= next.length
    this.taken++
    batch.data(this.#id, next, 0, next.length)
    if (this.#keeping) this.#sent.add(next, 0, next.length)
    if (this.#queue.length > 0) return this.#credit > 0
    if (this.#finishing) this.#end()
    else this.#tell()
    return false
  }

  #line(): void {
    if (this.inLine) return
    this.inLine = true
    this.#batch?.line(this)
  }

  #tell(): void {
    if (!this.#stopped || this.blocked) return
    this.#stopped = false
    this.#source.drained()
  }

  #end(): void {
    if (this.ended || this.#batch === null) return
    this.ended = true
    this.#batch.end(this.#id)
    this.#source.sent()
  }
}

/** Credit is returned in halves of the window, so a small body needs no CREDIT frame. */
const GRANT_BYTES = WINDOW_BYTES / 2

/** The receiving half of an exchange: how much the peer may still send. */
export class Receiver {
  #left = WINDOW_BYTES
  #handedOn = 0
  /** The peer's half is over. */
  ended = false

  begin(): void {
    this.#left = WINDOW_BYTES
    this.#handedOn = 0
    this.ended = false
  }

  /** A DATA frame of this length begins. False when there was no credit for it. */
  take(length: number): boolean {
    this.#left -= length
    return this.#left >= 0
  }

  /** This many bytes were passed on to a stream that was below its mark. */
  handedOn(bytes: number): void {
    this.#handedOn += bytes
  }

  /** The credit to return now; 0 for none. The caller sends it. */
  due(): number {
    if (this.ended || this.#handedOn < GRANT_BYTES) return 0
    const due = this.#handedOn
    this.#handedOn = 0
    this.#left += due
    return due
  }
}
