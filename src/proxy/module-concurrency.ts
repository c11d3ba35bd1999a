import { performance } from 'node:perf_hooks'
import type { ConcurrencySeen } from '../observe/status/facts.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Exchange } from '../wire/exchange.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import type { RequestContext } from './request-context.ts'
import { UsualLatency } from './usual-latency.ts'

/** A longer body takes time by itself, whatever the module does. */
const LONGEST_BODY_BYTES = 65_536
/** However many callers there are, at most this many times the limit are open. */
const MOST_TIMES_LIMIT = 2
/** So that routes of old policies are not kept for ever. */
const MOST_ROUTES = 4096

/** `limits.adaptive`, and its maximum. */
export interface AdaptiveSettings {
  readonly min: number
  readonly most: number
  readonly tolerance: number
}

/** What is needed of an exchange whose answer begins. */
type Answered = Pick<
  Exchange<RequestContext>,
  'context' | 'method' | 'requestSent' | 'bytesIn' | 'judgedAt'
>

/**
 * How many unanswered calls the module beside us may have: as many as it answers in about its usual
 * time (`limits.adaptive`). System calls are never refused and not counted. After the response's
 * head a call no longer counts, because a slow reader is not the module's fault.
 */
export class ModuleConcurrency {
  readonly #module: string
  readonly #limit: AdaptiveLimit
  readonly #routes = new Map<string, UsualLatency[]>()
  /** Open calls by who asks, Okapi's by the true caller. */
  readonly #byCaller = new Map<string, number>()

  readonly #now: () => number

  /** `now`: milliseconds, as an exchange tells when it was judged. */
  constructor(module: string, settings: AdaptiveSettings, now = () => performance.now()) {
    const { min, most, tolerance } = settings
    this.#module = module
    this.#now = now
    this.#limit = new AdaptiveLimit(min, most, tolerance, now())
  }

  get seen(): ConcurrencySeen {
    const { limit, open } = this.#limit
    return { limit, open }
  }

  /** Counts a call that will go to the module, or returns why it may not. `ended` must follow. */
  take(context: RequestContext): Refusal | null {
    const { decision, listener } = context
    if (listener.answerer !== 'module' || decision?.allow !== true) return null
    if (decision.system || decision.health) return null
    const caller = callerOf(context)
    const own = this.#byCaller.get(caller) ?? 0
    const { open, limit } = this.#limit
    if (open >= limit && !this.#isShort(own)) return this.#full(open)
    this.#limit.began()
    this.#byCaller.set(caller, own + 1)
    context.countedFor = caller
    return null
  }

  /** The final head of the module's answer is there, so it waits in the module no more. */
  answered(x: Answered, status: number): void {
    const { context } = x
    if (status < 200 || context.countedFor === '') return
    this.ended(context)
    // Okapi sends every request chunked, so the received bytes say how long it is.
    if (status >= 400 || !x.requestSent || x.bytesIn > LONGEST_BODY_BYTES) return
    const now = this.#now()
    const usual = this.#usual(context.decision?.routePattern ?? '', x.method)
    const times = usual.took(now - x.judgedAt, now)
    const end = this.#limit.answered(times, x.judgedAt, now)
    if (end === 'relearn') this.#routes.clear()
    else if (end === 'period') this.#nextPeriod()
  }

  /** The exchange is over, whatever became of it. */
  ended(context: RequestContext): void {
    const { countedFor } = context
    if (countedFor === '') return
    context.countedFor = ''
    this.#limit.ended()
    const left = (this.#byCaller.get(countedFor) ?? 1) - 1
    if (left === 0) this.#byCaller.delete(countedFor)
    else this.#byCaller.set(countedFor, left)
  }

  /** Does it have less than half of its part? Then it gets a place although all are taken. */
  #isShort(own: number): boolean {
    const { open, limit } = this.#limit
    if (open >= MOST_TIMES_LIMIT * limit) return false
    const callers = this.#byCaller.size + (own === 0 ? 1 : 0)
    return own < Math.max(1, Math.floor(limit / (2 * callers)))
  }

  #full(open: number): Refusal {
    const because = `${open} calls wait in ${this.#module}, which is what it answers in about its usual time now (limits.adaptive.tolerance)`
    return refuse('overloaded', because, { limit: 'adaptive.tolerance' })
  }

  #usual(route: string, method: number): UsualLatency {
    let byMethod = this.#routes.get(route)
    if (byMethod === undefined) {
      if (this.#routes.size >= MOST_ROUTES) this.#routes.clear()
      byMethod = []
      this.#routes.set(route, byMethod)
    }
    byMethod[method] ??= new UsualLatency()
    return byMethod[method]
  }

  #nextPeriod(): void {
    for (const byMethod of this.#routes.values()) {
      for (const usual of byMethod) usual?.nextPeriod()
    }
  }
}

/** All that prove nothing are one. */
function callerOf({ trueCaller, share }: RequestContext): string {
  if (trueCaller !== null) return trueCaller.name
  return share.standing === 'unproven' ? 'unproven' : share.name
}
