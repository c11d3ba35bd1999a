import { performance } from 'node:perf_hooks'

/** Something that has a deadline and must check the time. */
export interface Ticking {
  /** `now`: milliseconds, monotonic. It may unwatch itself here; an exception is a bug. */
  tick(now: number): void
}

/** Resolves after that time, without keeping the process alive. */
export function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}

/**
 * One coarse clock for the process. Everything with a deadline registers here and is called every
 * 100 ms, so no request and no connection needs its own timer object. A deadline counted from `now`
 * may be up to one tick early, and is noticed up to one tick late.
 *
 * Deadlines are checked after everything has been read that the kernel held at that time: in a turn
 * of the event loop timers come first, then input, then `setImmediate`. If deadlines were checked
 * among the timers, a process that was busy or had no CPU for a while would refuse callers as late
 * whose bytes have already arrived, and close idle connections although a request is waiting to be
 * read.
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

  /** Updates the time and calls everything that is watched, now. */
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
