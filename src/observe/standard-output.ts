import { write, writeSync } from 'node:fs'
import { errorCode } from '../fault.ts'

const STDOUT = 1
/** Written as soon as so much is there, and at the latest after so long. */
const BATCH_BYTES = 4096
const LATEST_MS = 100
/** A reader that stands still must not fill our memory: what is above this is dropped. */
const HELD_BACK_BYTES = 8 * 1024 * 1024
/** A full pipe is tried again after so long, at the end of the process for so long in all. */
const BUSY_MS = 10
const PATIENCE_MS = 1000

const NEVER = new Int32Array(new SharedArrayBuffer(4))

/**
 * Standard output in batches. Whoever reads it decides nothing here: where it stands still lines are
 * dropped in the end, where it is gone (EPIPE) all of them are, and the process goes on.
 */
export class StandardOutput {
  #waiting = ''
  #underWay = false
  #gone = false
  #told: (() => void)[] = []

  constructor() {
    setInterval(() => this.#begin(), LATEST_MS).unref()
    process.on('exit', () => this.flushSync())
  }

  write(lines: string): void {
    if (this.#gone || this.#waiting.length + lines.length > HELD_BACK_BYTES) return
    this.#waiting += lines
    if (this.#waiting.length >= BATCH_BYTES) this.#begin()
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
    let bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
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
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    if (bytes.length > 0 && !this.#gone) return this.#go(bytes)
    for (const told of this.#told.splice(0)) told()
  }

  #go(bytes: Buffer): void {
    this.#underWay = true
    write(STDOUT, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#go(bytes), BUSY_MS)
        return
      }
      if (error !== null) this.#gone = true
      else if (written < bytes.length) return this.#go(bytes.subarray(written))
      this.#underWay = false
      if (this.#waiting.length >= BATCH_BYTES || this.#told.length > 0) this.#begin()
    })
  }
}
