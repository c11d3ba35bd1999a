import { performance } from 'node:perf_hooks'
import { Budget } from '../../refusal/budget.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { RefusalTiming, RefusedRequest, UpstreamStream } from '../face.ts'
import { MOST_REFUSED_BYTES } from './body.ts'

/** The part of one second's budget that may be used at once. */
const AT_ONCE_SECONDS = 0.1
/** The time between two checks of the waiting refusals. */
const LOOK_MS = 5

/**
 * A refusal that waits to be sent, in place of the stream to an upstream. Its body is discarded.
 */
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

  /** More than this stays unread, and the connection closes. */
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
 * Refusals over HTTP/1.1 cost as much CPU as served calls: one read and one write each. Callers
 * that retry at once would leave no CPU for served calls. So beyond a number per second refusals
 * wait for their turn. A connection has one request at a time, so this also limits how often its
 * caller retries.
 */
export class RefusalPace implements RefusalTiming {
  readonly #budget: Budget | null
  readonly #waits: () => void
  readonly #now: () => number
  #waiting: WaitingRefusal[] = []
  #timer: NodeJS.Timeout | undefined

  /**
   * @param perSecond 0: no limit
   * @param waits called for each refusal that has to wait
   * @param now milliseconds, on the clock of `judged`
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
    // After the refusal the connection's next request may arrive; it waits behind all others.
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
