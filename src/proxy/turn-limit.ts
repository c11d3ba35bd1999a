import { performance } from 'node:perf_hooks'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { RequestContext } from './request-context.ts'
import type { Share } from './share.ts'

/**
 * The thread is at its end when so little of the time went by with nothing to do, and it is its own work when it had
 * a CPU for so much of it: else others have that. Refusing leaves pauses, so it is a while until that is over.
 */
const BEGINS = { idle: 0.05, cpu: 0.75 } as const
const GOES_ON = { idle: 0.2, cpu: 0.6 } as const
/** A single long turn is a burst, or a garbage collection: the average of so many tells overload. */
const TURNS = 8
/** No turn takes away more than this part of what a caller may have in one. */
const MOST_CUT = 0.8
/** What it may have rises so much, as long as turns are short. */
const RISE = 1.05
const LEAST_RISE = 0.25
/** From so many times the wanted length on only those get in that had nothing in this turn. */
const MOST_TIMES_LENGTH = 2
/** Callers that are told apart; more than identities were issued. */
const MOST_CALLERS = 4096
/** Refuses for so long at least, where turns were too long: what it comes to is found turn by turn. */
const CALM_MS = 100

const SHED: Refusal = refuse(
  'overloaded',
  'this sidecar has no CPU left for more calls at a time (limits.turnMs)',
  { limit: 'turnMs' },
)

/** What a caller had in the turn in which it was seen last. */
interface Taken {
  turn: number
  calls: number
}

/** Of this thread, times in milliseconds, and what is done at the end of a turn. */
export interface TurnSource {
  now(): number
  /** How long it has had a CPU, and how long it has waited for something to do. */
  cpuMs(): number
  idleMs(): number
  atEnd(done: () => void): void
}

/** Who is told of refusals. */
export interface TurnEvents {
  /** A request was refused before it was looked at: nothing else tells of it. */
  refusedUnread(): void
  /** So many calls were refused since the clock looked last, these included. */
  refusedLately(calls: number): void
}

const EVENT_LOOP: TurnSource = {
  now: () => performance.now(),
  cpuMs() {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  },
  idleMs: () => performance.eventLoopUtilization().idle,
  atEnd: (done) => void setImmediate(done),
}

/**
 * How many calls one turn of the event loop takes in when the CPU of this thread is at its end. What comes is
 * read at the beginning of a turn, so nothing waits longer than about two turns before it is judged: short turns
 * are short queues. While turns are longer than wanted each caller gets fewer calls in each, the same number for
 * all: so who asks for more is refused first, and who asks for less than that not at all. A refusal must cost far
 * less than a call, else there is nothing to be gained: over HTTP/1.1 between sidecars it does not.
 *
 * What Okapi asks at `modules` was let in before, and is never refused; nor are system calls.
 */
export class TurnLimit {
  readonly #turnMs: number
  readonly #events: TurnEvents
  readonly #source: TurnSource
  readonly #byCaller = new Map<object, Taken>()
  /** All that proved nothing are one caller, too, which may have as much as all others together. */
  readonly #unproven: Taken = { turn: 0, calls: 0 }
  #cpuMs: number
  #idleMs: number
  #at: number
  #busy = false
  /** Calls are refused: turns were too long. */
  #shedding = false
  #shedSince = 0
  #turn = 1
  /** When something came first in this turn; -1: nothing yet. */
  #began = -1
  #averageMs = 0
  /** So many calls one caller may have in a turn. */
  #most = Number.POSITIVE_INFINITY
  /** In this turn: the most that one has, how many the proven have together, addresses that asked. */
  #peak = 0
  #proven = 0
  #addresses = 0
  #refused = 0
  #provenBefore = 0
  #addressesBefore = 1
  /** Refused since the clock looked last. */
  #refusedLately = 0
  readonly #over = () => this.#turnEnds()

  constructor(turnMs: number, events: TurnEvents, source = EVENT_LOOP) {
    this.#turnMs = turnMs
    this.#events = events
    this.#source = source
    this.#cpuMs = source.cpuMs()
    this.#idleMs = source.idleMs()
    this.#at = source.now()
  }

  /** A request or an answer came: the turn has begun by now. */
  came(): void {
    if (!this.#busy || this.#began !== -1) return
    this.#began = this.#source.now()
    this.#source.atEnd(this.#over)
  }

  /** Counts a call that was let through, or says why it may not begin. */
  take({ decision, listener, trueCaller, share }: RequestContext, now: number): Refusal | null {
    if (!this.#busy || listener.answerer === 'callee') return null
    if (decision?.allow === true && (decision.system || decision.health)) return null
    this.came()
    const unproven = trueCaller === null && share.standing === 'unproven'
    const taken = this.#taken(trueCaller ?? share, unproven)
    if (this.#shedding && this.#isTooMuch(taken, unproven, now)) {
      this.#refused++
      return SHED
    }
    taken.calls++
    if (taken.calls > this.#peak) this.#peak = taken.calls
    if (unproven) this.#unproven.calls++
    else this.#proven++
    return null
  }

  /**
   * Is a request of this caller refused before anything of it is looked at? That costs less than judging it,
   * and is not for calls that may be system calls. What is asked of Okapi itself is let through.
   */
  refusesUnread(share: Share, head: Buffer, start: number): boolean {
    if (!this.#busy || !this.#shedding || isOfOkapi(head, start)) return false
    this.came()
    const unproven = share.standing === 'unproven'
    const taken = this.#taken(share, unproven)
    if (!this.#isTooMuch(taken, unproven, this.#source.now())) return false
    this.#refused++
    this.#events.refusedUnread()
    return true
  }

  /** Called by the coarse clock: is it our own work that takes all the time? */
  tick(): void {
    const { now, cpuMs, idleMs } = this.#source
    const [at, cpu, idle] = [now(), cpuMs(), idleMs()]
    const passed = at - this.#at
    const part = this.#shedding ? GOES_ON : BEGINS
    const hasNoPause = idle - this.#idleMs <= part.idle * passed
    this.#busy = hasNoPause && cpu - this.#cpuMs >= part.cpu * passed
    this.#at = at
    this.#cpuMs = cpu
    this.#idleMs = idle
    if (!this.#busy) {
      this.#averageMs = 0
      this.#byCaller.clear()
    }
    const refused = this.#refusedLately
    this.#refusedLately = 0
    if (refused > 0) this.#events.refusedLately(refused)
    else if (at - this.#shedSince >= CALM_MS) this.#shedding = false
    if (!this.#busy) this.#shedding = false
  }

  #taken(caller: object, unproven: boolean): Taken {
    let taken = this.#byCaller.get(caller)
    if (taken === undefined) {
      if (this.#byCaller.size >= MOST_CALLERS) this.#byCaller.clear()
      taken = { turn: 0, calls: 0 }
      this.#byCaller.set(caller, taken)
    }
    if (this.#unproven.turn !== this.#turn) begin(this.#unproven, this.#turn)
    if (taken.turn !== this.#turn) {
      begin(taken, this.#turn)
      if (unproven) this.#addresses++
    }
    return taken
  }

  #isTooMuch({ calls }: Taken, unproven: boolean, now: number): boolean {
    const late = now - this.#began > MOST_TIMES_LENGTH * this.#turnMs
    if (!unproven) return calls >= (late ? 1 : this.#most)
    const all = late ? 1 : Math.max(this.#most, this.#provenBefore)
    return this.#unproven.calls >= all || calls >= Math.max(1, all / this.#addressesBefore)
  }

  #turnEnds(): void {
    const length = this.#source.now() - this.#began
    this.#began = -1
    this.#averageMs += (length - this.#averageMs) / TURNS
    if (this.#shedding) this.#adapt(length)
    else if (this.#busy && this.#averageMs > this.#turnMs) {
      this.#shedding = true
      this.#most = this.#peak
      this.#shedSince = this.#source.now()
      this.#adapt(length)
    }
    this.#turn++
    this.#refusedLately += this.#refused
    this.#provenBefore = this.#proven
    this.#addressesBefore = Math.max(1, this.#addresses)
    this.#peak = this.#proven = this.#addresses = this.#refused = 0
  }

  #adapt(length: number): void {
    if (length > this.#turnMs) {
      this.#most = Math.max(1, this.#most * Math.max(MOST_CUT, this.#turnMs / length))
    } else if (this.#refused > 0) {
      this.#most = Math.max(this.#most + LEAST_RISE, this.#most * RISE)
    }
  }
}

const [SPACE, SLASH, UNDERSCORE] = [0x20, 0x2f, 0x5f]

/** Does the target of this head begin with `/_/`? */
function isOfOkapi(head: Buffer, start: number): boolean {
  const target = head.indexOf(SPACE, start) + 1
  return head[target] === SLASH && head[target + 1] === UNDERSCORE && head[target + 2] === SLASH
}

function begin(taken: Taken, turn: number): void {
  taken.turn = turn
  taken.calls = 0
}
