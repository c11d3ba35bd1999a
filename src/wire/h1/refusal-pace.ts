import { performance } from 'node:perf_hooks'
import { Budget } from '../../refusal/budget.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { RefusalTiming, RefusedRequest, UpstreamStream } from '../face.ts'
import { MOST_REFUSED_BYTES } from './body.ts'

/** So much of a second's worth may come at once. */
const AT_ONCE_SECONDS = 0.1
/** Between two looks at those that wait. */
const LOOK_MS = 5

/** A refusal that waits to be said: it holds the place of the stream to an upstream. A body goes nowhere. */
class WaitingRefusal implements UpstreamStream {
  readonly bufferedBytes = 0
  /** The caller went away meanwhile. */
  left = false
  readonly #x: RefusedRequest
  readonly #refusal: Refusal
  #dropped = 0

  constructor(x: RefusedRequest, refusal: Refusal) {
    this.#x = x
    this.#refusal = refusal
  }

  /** What is more than this stays unread, and its connection closes. */
  get blocked(): boolean {
    return this.#dropped >= MOST_REFUSED_BYTES
  }

  span(_bytes: Buffer, start: number, end: number): void {
    this.#dropped += end - start
  }

  flush(): void {}
  finish(): void {}
  resume(): void {}

  cancel(): void {
    this.left = true
  }

  say(): void {
    this.#x.fail(this.#refusal)
  }
}

/**
 * Refusals over HTTP/1.1 cost as much CPU as calls that are served: one read and one write each. Callers that
 * come again at once would leave no CPU for those that are served. So beyond so many a second they wait for
 * their turn; a connection has one request at a time, so that is also how often its caller comes again.
 */
export class RefusalPace implements RefusalTiming {
  readonly #budget: Budget | null
  readonly #waits: () => void
  readonly #now: () => number
  #waiting: WaitingRefusal[] = []
  #timer: NodeJS.Timeout | undefined

  /**
   * @param perSecond 0: no limit
   * @param waits told of each that has to wait
   * @param now milliseconds, as an exchange tells when it was judged
   */
  constructor(perSecond: number, waits: () => void, now = () => performance.now()) {
    const most = Math.max(1, AT_ONCE_SECONDS * perSecond)
    this.#budget = perSecond === 0 ? null : new Budget(most, perSecond, now())
    this.#now = now
    this.#waits = waits
  }

  waits(x: RefusedRequest, refusal: Refusal): boolean {
    const budget = this.#budget
    if (budget === null) return false
    if (this.#waiting.length === 0 && budget.spend(x.judgedAt)) return false
    this.#waits()
    const waiting = new WaitingRefusal(x, refusal)
    x.upstream = waiting
    this.#waiting.push(waiting)
    this.#timer ??= setTimeout(() => this.#look(), LOOK_MS).unref()
    return true
  }

  #look(): void {
    this.#timer = undefined
    const now = this.#now()
    const waiting = this.#waiting
    // What is said may bring the next request of its connection, which waits behind all others.
    this.#waiting = []
    let next = 0
    for (; next < waiting.length; next++) {
      const refusal = waiting[next]!
      if (refusal.left) continue
      if (!this.#budget?.spend(now)) break
      refusal.say()
    }
    this.#waiting = [...waiting.slice(next), ...this.#waiting]
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#look(), LOOK_MS).unref()
  }
}
