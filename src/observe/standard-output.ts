import { writeSync } from 'node:fs'
import { errorCode } from '../fault.ts'

const STDOUT = 1
/** Written as soon as this much is collected, and at the latest after this time. */
const BATCH_BYTES = 4096
const LATEST_MS = 100
/** Kept for a stalled reader; and for a full disk or a closed reader. */
const HELD_FOR_READER_BYTES = 8 * 1024 * 1024
const HELD_WHILE_FAILING_BYTES = 1024 * 1024
const FIRST_BYTES = 16 * 1024
/** A buffer that grew larger than this is not used again. */
const KEPT_BYTES = 1024 * 1024
/** What UTF-8 may need for one character of a string. */
const LONGEST_UNIT = 3
/**
 * A failed write is tried again after this time, and after longer times if nothing could be
 * written.
 */
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = { full: 64, failed: 1000 }
/** At the end, and for `flush`: how long to wait for a stalled reader. */
const PATIENCE_MS = 1000
const NEWLINE = 0x0a

const NEVER = new Int32Array(new SharedArrayBuffer(4))

/**
 * Standard output in batches, gathered in memory that is used again: the access log is the largest
 * thing that a busy sidecar makes, and as text it was most of the garbage. Where nothing can be
 * written (a reader that stands still, a full disk, a pipe without a reader) the process goes on:
 * what waits is kept up to a limit and tried again for ever, newer lines are dropped and counted.
 * When all that waited is written, one line says how many were lost; so it stands in the gap.
 */
export class StandardOutput {
  #waiting: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  /** How much of it has been written, and its end. */
  #written = 0
  #length = 0
  /** The last written byte was not the end of a line. */
  #cut = false
  /** Why the last write failed; undefined: it did not. */
  #failure: string | undefined
  /** A line was dropped: so are all others, until what waits is written. */
  #dropping = false
  #lost = 0
  #lostTold = 0
  #pausing = false
  #pauseMs = FIRST_PAUSE_MS
  #told: (() => void)[] = []

  constructor() {
    // Where it is a pipe, Node makes it non-blocking when it is first looked at (net.Socket): a write
    // is done at once or not at all. A thread of its own for each write cost a tail of 10 ms.
    void process.stdout.writable
    setInterval(() => this.#begin(), LATEST_MS).unref()
    process.on('exit', () => this.flushSync())
  }

  /** Lines that will never be written. */
  get lost(): number {
    return this.#lost
  }

  /** What keeps lines from being written now; undefined: nothing. */
  get trouble(): string | undefined {
    if (this.#failure !== undefined) return this.#failure
    return this.#dropping ? 'the reader of standard output is too slow' : undefined
  }

  /** Whole lines; bytes are copied. */
  write(lines: string | Uint8Array): void {
    const most = typeof lines === 'string' ? lines.length * LONGEST_UNIT : lines.length
    const held = this.#failure === undefined ? HELD_FOR_READER_BYTES : HELD_WHILE_FAILING_BYTES
    if (this.#dropping || this.#length - this.#written + most > held) {
      this.#dropping = true
      this.#lost += linesIn(lines)
      return
    }
    this.#append(lines, most)
    if (this.#length >= BATCH_BYTES) this.#begin()
  }

  /** Resolves when all is written, or nothing can be, or a reader has stood still for a second. */
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
    while (this.#more() && performance.now() < until) {
      const went = this.#go()
      if (went === 'failed') return
      if (went === 'full') Atomics.wait(NEVER, 0, 0, FIRST_PAUSE_MS)
    }
  }

  /** Writes what is possible, and schedules the rest. */
  #begin(): void {
    if (this.#pausing) return
    while (this.#more()) {
      const went = this.#go()
      if (went === 'written') this.#pauseMs = FIRST_PAUSE_MS
      else {
        if (went === 'failed') this.#tell()
        return this.#pause(LONGEST_PAUSE_MS[went])
      }
    }
    this.#tell()
  }

  #tell(): void {
    for (const told of this.#told.splice(0)) told()
  }

  #pause(longestMs: number): void {
    this.#pausing = true
    const timer = setTimeout(() => {
      this.#pausing = false
      this.#begin()
    }, this.#pauseMs)
    timer.unref()
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestMs)
  }

  /**
   * Does anything wait? If lines were dropped and all others are written, their number is logged.
   */
  #more(): boolean {
    if (this.#length > 0 || !this.#dropping) return this.#length > 0
    const lost = this.#lost - this.#lostTold
    this.#lostTold = this.#lost
    this.#dropping = false
    const time = new Date().toISOString()
    const line = `${JSON.stringify({ level: 'warn', time, lost, msg: 'log lines lost' })}\n`
    this.#append(line, line.length)
    return true
  }

  /** One write of what waits. */
  #go(): 'written' | 'full' | 'failed' {
    try {
      const left = this.#length - this.#written
      this.#written += writeSync(STDOUT, this.#waiting, this.#written, left)
      this.#failure = undefined
      this.#cut = this.#waiting[this.#written - 1] !== NEWLINE
      if (this.#written === this.#length) this.#empty()
      return 'written'
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') return 'full'
      this.#failure = error instanceof Error ? error.message : String(error)
      if (errorCode(error) === 'EPIPE') this.#endCutLine()
      return 'failed'
    }
  }

  /**
   * Another reader may come (a FIFO), and the begin of this line may be in the pipe or gone with the
   * last one: of its rest only the end of the line is written.
   */
  #endCutLine(): void {
    if (!this.#cut) return
    this.#cut = false
    this.#dropping = true
    this.#lost++
    this.#written = this.#waiting.indexOf(NEWLINE, this.#written)
  }

  #empty(): void {
    this.#written = 0
    this.#length = 0
    if (this.#waiting.length > KEPT_BYTES) this.#waiting = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  #append(lines: string | Uint8Array, most: number): void {
    this.#reserve(most)
    if (typeof lines === 'string') this.#length += this.#waiting.write(lines, this.#length)
    else {
      this.#waiting.set(lines, this.#length)
      this.#length += lines.length
    }
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

function linesIn(lines: string | Uint8Array): number {
  let count = 0
  const next = (from: number) =>
    typeof lines === 'string' ? lines.indexOf('\n', from) : lines.indexOf(NEWLINE, from)
  for (let at = next(0); at >= 0; at = next(at + 1)) count++
  return count
}
