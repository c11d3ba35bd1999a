import { write, writeSync } from 'node:fs'
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
/** A full pipe is tried again after so long, at the end of the process for so long in all. */
const BUSY_MS = 10
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
  #length = 0
  #spare: Buffer | null = null
  #underWay = false
  #gone = false
  #told: (() => void)[] = []

  constructor() {
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

  /** The process ends here: what waits is written now. What is under way Node waits for. */
  flushSync(): void {
    let bytes = this.#take()
    const until = performance.now() + PATIENCE_MS
    while (bytes.length > 0 && !this.#gone && performance.now() < until) {
      try {
        bytes = bytes.subarray(writeSync(STDOUT, bytes))
      } catch (error) {
        if (errorCode(error) === 'EAGAIN') Atomics.wait(NEVER, 0, 0, BUSY_MS)
        else this.#gone = true
      }
    }
  }

  #begin(): void {
    if (this.#underWay) return
    if (this.#length === 0 || this.#gone) {
      for (const told of this.#told.splice(0)) told()
      return
    }
    const whole = this.#waiting
    this.#underWay = true
    this.#go(this.#take(), () => {
      this.#underWay = false
      if (whole.length <= KEPT_BYTES) this.#spare = whole
      if (this.#length >= BATCH_BYTES || this.#told.length > 0) this.#begin()
    })
  }

  #go(bytes: Buffer, done: () => void): void {
    write(STDOUT, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#go(bytes, done), BUSY_MS)
        return
      }
      if (error !== null) this.#gone = true
      else if (written < bytes.length) return this.#go(bytes.subarray(written), done)
      done()
    })
  }

  /** What waits; what comes from now on goes elsewhere. */
  #take(): Buffer {
    const bytes = this.#waiting.subarray(0, this.#length)
    this.#waiting = this.#spare ?? Buffer.allocUnsafeSlow(FIRST_BYTES)
    this.#spare = null
    this.#length = 0
    return bytes
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#waiting.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#waiting.length * 2))
    this.#waiting.copy(grown, 0, 0, this.#length)
    this.#waiting = grown
  }
}
