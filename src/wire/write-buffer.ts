import type { Socket } from 'node:net'
import { freeMemory, isLargeAndWhole } from '../memory.ts'

/** One read of libuv: this much may still arrive after a source was told to stop. */
const READ_BYTES = 65536
/** From this size on a span is written as it is instead of being gathered. */
const LARGE = 16384

const NOTHING = Buffer.alloc(0)

/** A head and one read of libuv (64 KiB) fit side by side. */
const SLAB_BYTES = 128 * 1024
/** Slabs kept for reuse; more than these are left to the garbage collector. */
const MOST_SPARE = 16

const spare: Slab[] = []

/**
 * Memory in which writes are gathered one after the other. It is reused when all of them are done:
 * memory that stays in the processor's cache is cheaper than any allocation.
 */
class Slab {
  readonly bytes = Buffer.allocUnsafeSlow(SLAB_BYTES)
  /** Everything before this belongs to writes. */
  used = 0
  #users = 0

  /** More than this does not fit. */
  static readonly size = SLAB_BYTES
  static #current = new Slab()

  /** The one to gather `bytes` in, from `used` on. The user says `over` once, whatever happens. */
  static take(bytes: number): Slab {
    if (SLAB_BYTES - Slab.#current.used < bytes) Slab.#current = spare.pop() ?? new Slab()
    const slab = Slab.#current
    slab.#users++
    return slab
  }

  /** This user's bytes are no longer read: its write was reported as done or failed. */
  over(): void {
    this.#users--
    if (this.#users > 0) return
    this.used = 0
    if (this !== Slab.#current && spare.length < MOST_SPARE) spare.push(this)
  }
}

/** A buffer that one write has for itself. */
class WholeBuffer {
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  over(): void {
    freeMemory(this.#bytes)
  }
}

/** Memory that a write is in: it says `over` once, whatever became of the write. */
type Written = Slab | WholeBuffer

/**
 * The memory of each write that will be reported, in order. A ring, because an array that loses its
 * first element gets new memory with the next push.
 */
class WrittenQueue {
  #places: (Written | null)[] = [null, null]
  #first = 0
  #count = 0

  add(written: Written | null): void {
    const { length } = this.#places
    if (this.#count === length) {
      this.#places = Array.from(
        { length: 2 * length },
        (_, i) => this.#places[(this.#first + i) % length] ?? null,
      )
      this.#first = 0
    }
    this.#places[(this.#first + this.#count) & (this.#places.length - 1)] = written
    this.#count++
  }

  /** The oldest; null if there is none. */
  take(): Written | null {
    if (this.#count === 0) return null
    const written = this.#places[this.#first]!
    this.#places[this.#first] = null
    this.#first = (this.#first + 1) & (this.#places.length - 1)
    this.#count--
    return written
  }
}

/** The current user of the gathering memory, and its range of bytes. */
let holder: WriteBuffer | null = null
let slab = Slab.take(0)
let start = 0
let end = 0
slab.over()

/**
 * Output to one socket. The spans of one turn are gathered in memory that the whole process shares,
 * and leave in one write, because the number of writes determines the cost of a proxy.
 */
export class WriteBuffer {
  /** The socket buffers so much that one more read would exceed the limit: stop the source. */
  blocked = false
  /** Writes that the socket has reported as done: shows others that there is progress. */
  taken = 0
  readonly #progress = new Progress(this)
  readonly #socket: Socket
  readonly #most: number
  readonly #mark: number
  /** TLS always reports a write later; a plain write is usually done when `write` returns. */
  readonly #isPlain: boolean
  readonly #inFlight = new WrittenQueue()
  readonly #written: () => void

  /**
   * @param mostBytes `limits.bufferedBytesPerExchange`
   * @param drained the source may go on
   */
  constructor(socket: Socket, mostBytes: number, drained: () => void) {
    this.#socket = socket
    this.#isPlain = !('encrypted' in socket)
    this.#most = mostBytes
    this.#mark = Math.max(0, mostBytes - READ_BYTES)
    // Not 'drain': that event fires only after the socket's own, larger mark was exceeded.
    this.#written = () => {
      this.taken++
      this.#inFlight.take()?.over()
      if (!this.blocked || socket.destroyed || socket.writableLength > this.#mark) return
      this.blocked = false
      drained()
    }
  }

  /** A caller that sends request after request and reads no answer: the next one waits. */
  get clogged(): boolean {
    return this.blocked && this.waiting >= this.#most
  }

  /**
   * Called at every tick: has the other side read nothing of what is waiting for `mostMs`? 0:
   * never.
   */
  stalls(now: number, mostMs: number): boolean {
    return this.#progress.stalls(now, mostMs)
  }

  /** Bytes that the socket has not taken yet. */
  get waiting(): number {
    return this.#socket.writableLength + (holder === this ? end - start : 0)
  }

  /**
   * Appends [from, to).
   * @param ours nothing else references `bytes`: a large span needs no copy, and its memory is
   * released
   */
  put(bytes: Buffer, from: number, to: number, ours = false): void {
    const length = to - from
    if ((ours && length >= LARGE) || length > Slab.size) {
      holder?.flush()
      const span = bytes.subarray(from, to)
      if (ours) this.#write(span, isLargeAndWhole(span) ? new WholeBuffer(span) : null)
      else this.#write(Buffer.from(span), null)
      return
    }
    if (holder !== this || length > Slab.size - end) this.#hold(length)
    bytes.copy(slab.bytes, end, from, to)
    end += length
    if (ours && length === bytes.length) freeMemory(bytes)
  }

  /** Writes what was gathered. */
  flush(): void {
    if (holder !== this) return
    holder = null
    slab.used = end
    if (end > start) this.#write(slab.bytes.subarray(start, end), slab)
    else slab.over()
  }

  /** Forgets what was gathered: the socket is being destroyed. */
  drop(): void {
    if (holder !== this) return
    holder = null
    slab.over()
  }

  #hold(bytes: number): void {
    holder?.flush()
    holder = this
    slab = Slab.take(bytes)
    start = slab.used
    end = start
  }

  #write(bytes: Buffer, from: Written | null): void {
    const socket = this.#socket
    if (socket.destroyed || socket.writableEnded) {
      from?.over()
      return
    }
    if (this.#isPlain && bytes.length < LARGE && socket.writableLength === 0) {
      // A callback costs a turn of the tick queue, and nearly always the kernel has taken
      // everything by now; then Node no longer references the bytes.
      socket.write(bytes)
      if (socket.writableLength === 0) {
        from?.over()
        return
      }
      this.#inFlight.add(from)
      socket.write(NOTHING, this.#written)
    } else {
      this.#inFlight.add(from)
      socket.write(bytes, this.#written)
    }
    if (socket.writableLength > this.#mark) this.blocked = true
  }
}

/** What waits for the other side to take it. */
export interface WaitingWrites {
  /** Rises with all that the other side takes. */
  readonly taken: number
  /** Bytes wait: how many, or whether any do. */
  readonly waiting: number | boolean
}

/** Checks whether the other side reads what is written to it. */
export class Progress {
  readonly #writes: WaitingWrites
  #taken = 0
  /** When it was last seen to have nothing left, or to make progress; -1: not checked yet. */
  #since = -1

  constructor(writes: WaitingWrites) {
    this.#writes = writes
  }

  /** Begins anew. */
  begin(): void {
    this.#since = -1
  }

  /**
   * To be called at every tick.
   * @param mostMs 0: never
   * @returns bytes are waiting, and none of them were read for `mostMs`
   */
  stalls(now: number, mostMs: number): boolean {
    const { taken, waiting } = this.#writes
    if (this.#since === -1 || !waiting || taken !== this.#taken) {
      this.#taken = taken
      this.#since = now
    }
    return mostMs !== 0 && now - this.#since >= mostMs
  }
}
