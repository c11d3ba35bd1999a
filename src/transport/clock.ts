import { performance } from 'node:perf_hooks'

/** Something that looks at the time now and then, because it has a deadline. */
export interface Ticking {
  /** `now`: milliseconds, monotonic. It may unwatch itself here; what it throws is our mistake. */
  tick(now: number): void
}

/** Resolves then, and does not keep the process alive until then. */
export function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}

/**
 * One coarse clock for the process. What has a deadline registers here and is asked every 100 ms,
 * so no request and no connection needs a timer object of its own. A deadline counted from `now`
 * falls up to one tick early, and is noticed up to one tick late.
 *
 * The reader that is asked has read before what the kernel held when the time was looked at: timers come
 * first in a turn of the event loop, then input, then `setImmediate`. Were deadlines looked at among
 * the timers, a process that was busy or had no processor for a while would call callers late whose
 * bytes have long been here, and close idle connections over a request that waits to be read.
 */
export class CoarseClock {
  /** Milliseconds, monotonic (not the time of day), as of the last tick. */
  now = performance.now()
  readonly #watched = new Set<Ticking>()
  readonly #timer: NodeJS.Timeout
  #asking: NodeJS.Immediate | undefined

  constructor(tickMs = 100) {
    this.#timer = setInterval(() => {
      this.now = performance.now()
      this.#asking ??= setImmediate(() => this.#ask())
    }, tickMs)
    this.#timer.unref()
  }

  /** How many things are watched. */
  get size(): number {
    return this.#watched.size
  }

  watch(thing: Ticking): void {
    this.#watched.add(thing)
  }

  unwatch(thing: Ticking): void {
    this.#watched.delete(thing)
  }

  /** Looks at the time and asks everything that is watched, now. */
  tick(): void {
    this.now = performance.now()
    this.#ask()
  }

  /** No tick comes after this. */
  stop(): void {
    clearInterval(this.#timer)
    clearImmediate(this.#asking)
    this.#watched.clear()
  }

  #ask(): void {
    this.#asking = undefined
    for (const thing of this.#watched) thing.tick(this.now)
  }
}
