import { type Refusal, refuse } from '../../refusal/refusal.ts'
import type { WireSettings } from '../face.ts'

/** After the last answer: how long the caller's input is discarded before the cut. */
const LINGER_MS = 1000
/** When draining: a request that was sent before is read within this time and still answered. */
const DRAIN_GRACE_MS = 250
/**
 * The idle time of a connection that will not be reused: longer than any sidecar keeps an idle
 * connection, so that the caller closes it and no request races a close.
 */
const RETIRED_IDLE_MS = 20_000

/** What a caller's connection waits for. `leave`: that the last answer is read. */
export type WaitingFor = 'nothing' | 'request' | 'head' | 'body' | 'leave' | 'linger'

/** What a caller's connection waits for, and until when. */
export class Deadlines {
  waitsFor: WaitingFor = 'request'
  /** Since when. */
  since = 0
  readonly #settings: WireSettings
  readonly #closesAt: number
  #deadline = 0
  #draining = false
  #retired = false

  constructor(settings: WireSettings) {
    const { limits, clock } = settings
    this.#settings = settings
    this.since = clock.now
    this.#deadline = clock.now + limits.idleMs
    // Spread, so that connections that were opened together do not all end together.
    this.#closesAt = clock.now + limits.connectionMaxAgeMs * (0.9 + Math.random() * 0.1)
  }

  /** From now on this is waited for. */
  await(what: WaitingFor): void {
    this.waitsFor = what
    const { limits, clock } = this.#settings
    this.since = clock.now
    if (what === 'request') this.#deadline = clock.now + this.#idleMs()
    else if (what === 'head') this.#deadline = clock.now + limits.headMs
    else if (what === 'body') this.#deadline = clock.now + limits.bodyIdleMs
    else if (what === 'leave')
      this.#deadline = clock.now + (limits.callerReadIdleMs || Number.POSITIVE_INFINITY)
    else if (what === 'linger') this.#deadline = clock.now + LINGER_MS
  }

  /** The process ends: an idle connection is closed after a moment's grace. */
  drain(graceMs = DRAIN_GRACE_MS): void {
    this.#draining = true
    this.#shorten(graceMs)
  }

  /** The connection is no longer current: it should end, but not in a hurry. */
  retire(): void {
    this.#retired = true
    this.#shorten(RETIRED_IDLE_MS)
  }

  /** Was it given up by its own idle time, and not because it had to go anyway? */
  get isIdle(): boolean {
    return this.waitsFor === 'request' && !this.#draining && !this.#retired
  }

  /** Has the last answer been said? */
  get leaving(): boolean {
    return this.waitsFor === 'leave' || this.waitsFor === 'linger'
  }

  /** Is the exchange that begins now the last one of its connection? */
  lastExchange(): boolean {
    const old = this.#settings.clock.now >= this.#closesAt
    if (old) this.#settings.limitHit?.('connectionMaxAgeMs')
    return old || this.#draining || this.#retired
  }

  isOver(now: number): boolean {
    return this.waitsFor !== 'nothing' && now >= this.#deadline
  }

  /** The refusal when a head or a body stalled. */
  refusal(): Refusal {
    const limit = this.waitsFor === 'head' ? 'headMs' : 'bodyIdleMs'
    return refuse('timeout', `the request did not continue within limits.${limit}`, { limit })
  }

  #idleMs(): number {
    const { idleMs } = this.#settings.limits
    if (this.#draining) return DRAIN_GRACE_MS
    return this.#retired ? Math.min(RETIRED_IDLE_MS, idleMs) : idleMs
  }

  #shorten(idleMs: number): void {
    if (this.waitsFor !== 'request') return
    this.#deadline = Math.min(this.#deadline, this.#settings.clock.now + idleMs)
  }
}
