import { writeSync } from 'node:fs'
import { errorCode } from '../fault.ts'

const STDOUT = 1
/** Written as soon as so much is there, and at the latest after so long. */
const BATCH_BYTES = 4096
const LATEST_MS = 100
/** A reader that stands still must not fill our memory: what is above this is dropped. */
const HELD_BACK_BYTES = 8 * 1024 * 1024
const FIRST_BYTES = 16 * 1024
/** A buffer that grew larger than this is not used again. */
const KEPT_BYTES = 1024 * 1024
/** What UTF-8 may need for one character of a string. */
const LONGEST_UNIT = 3
/** A full pipe is tried again after so long, and longer each time that nothing has gone. */
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 64
/** At the end, and for `flush`: how long a reader that stands still is waited for. */
const PATIENCE_MS = 1000

const NEVER = new Int32Array(new SharedArrayBuffer(4))

/**
 * Standard output in batches, gathered in memory that is used again: the access log is the largest
 * thing that a busy sidecar makes, and as text it was most of the garbage. Whoever reads it decides
 * nothing here: where it stands still lines are dropped in the end, where it is gone (EPIPE) all of
 * them are, and the process goes on.
 */
export class StandardOutput {
  #waiting: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  /** What has been written of it, and where it ends. */
  #written = 0
  #length = 0
  #gone = false
  #pausing = false
  #pauseMs = FIRST_PAUSE_MS
  #told: (() => void)[] = []

  constructor() {
    // Where it is a pipe, Node makes it non-blocking when it is first looked at (net.Socket): a write
    // is done at once or not at all. A thread of its own for each write cost a tail of 10 ms.
    if (process.stdout.destroyed) this.#gone = true
    setInterval(() => this.#begin(), LATEST_MS).unref()
    process.on('exit', () => this.flushSync())
  }

  /** Bytes are copied. */
  write(lines: string | Uint8Array): void {
    const most = typeof lines === 'string' ? lines.length * LONGEST_UNIT : lines.length
    if (this.#gone || this.#length + most > HELD_BACK_BYTES) return
    this.#reserve(most)
    if (typeof lines === 'string') this.#length += this.#waiting.write(lines, this.#length)
    else {
      this.#waiting.set(lines, this.#length)
      this.#length += lines.length
    }
    if (this.#length >= BATCH_BYTES) this.#begin()
  }

  /** Resolves when all is written, or nobody reads, or whoever reads has stood still for a second. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS)
      this.#told.push(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#begin()
    })
  }

  /** The process ends here: what waits is written now. */
  flushSync(): void {
    const until = performance.now() + PATIENCE_MS
    while (this.#length > 0 && performance.now() < until) {
      if (!this.#go()) Atomics.wait(NEVER, 0, 0, FIRST_PAUSE_MS)
    }
  }

  /** Writes what can be, and comes back for the rest. */
  #begin(): void {
    if (this.#pausing) return
    while (this.#length > 0) {
      if (this.#go()) this.#pauseMs = FIRST_PAUSE_MS
      else return this.#pause()
    }
    for (const told of this.#told.splice(0)) told()
  }

  #pause(): void {
    this.#pausing = true
    const timer = setTimeout(() => {
      this.#pausing = false
      this.#begin()
    }, this.#pauseMs)
    timer.unref()
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
  }

  /** One write of what waits. False where the pipe is full. */
  #go(): boolean {
    try {
      const left = this.#length - this.#written
      this.#written += writeSync(STDOUT, this.#waiting, this.#written, left)
      if (this.#written === this.#length) this.#empty()
      return true
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') return false
      this.#gone = true
      this.#empty()
      return true
    }
  }

  #empty(): void {
    this.#written = 0
    this.#length = 0
    if (this.#waiting.length > KEPT_BYTES) this.#waiting = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#waiting.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#waiting.length * 2))
    this.#waiting.copy(grown, 0, this.#written, this.#length)
    this.#length -= this.#written
    this.#written = 0
    this.#waiting = grown
  }
}
