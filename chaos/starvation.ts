import { readFileSync } from 'node:fs'
import type { Program } from './program.ts'
import type { Struck } from './schedule.ts'

const LOOK_EVERY_MS = 250
/** A process that waited for a processor for as large a share of a look's time was starved, */
const SHARE = 0.5
/** and so was a run whose timer comes so much too late. */
const LATE_MS = 250
const NS_PER_MS = 1e6

/**
 * Times at which the machine had no processor for a process of the site: limits are reached then by nothing
 * that failed. They are told as a fault is, and excuse what one would.
 */
export class Starvation {
  readonly #programs: readonly Program[]
  readonly #struck: Struck[]
  /** By process id, what it has waited so far, ns. */
  #waited = new Map<number, number>()
  #looked = performance.now()
  #current: Struck | undefined
  readonly #timer: NodeJS.Timeout

  constructor(programs: readonly Program[], struck: Struck[]) {
    this.#programs = programs
    this.#struck = struck
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    const ms = now - this.#looked
    this.#looked = now
    const most = this.#mostWaitedMs()
    if (most < SHARE * ms && ms < LOOK_EVERY_MS + LATE_MS) {
      this.#current = undefined
      return
    }
    const to = Date.now()
    if (this.#current === undefined) {
      const [kind, at] = ['machine too busy', 'this machine']
      this.#current = { kind, at, excuses: true, from: to - ms, to }
      this.#struck.push(this.#current)
    }
    this.#current.to = to
  }

  /** How long the process that waited most has waited for a processor since the last look. */
  #mostWaitedMs(): number {
    const waited = new Map<number, number>()
    let most = 0
    for (const { pid } of this.#programs) {
      const total = waitedNs(pid)
      if (total === undefined) continue
      most = Math.max(most, total - (this.#waited.get(pid) ?? total))
      waited.set(pid, total)
    }
    this.#waited = waited
    return most / NS_PER_MS
  }
}

/** Documentation/scheduler/sched-stats.rst: time on the processor, time waiting for one, time slices. */
function waitedNs(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1])
  } catch {
    return undefined
  }
}
