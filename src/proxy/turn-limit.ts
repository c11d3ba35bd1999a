import { performance } from 'node:perf_hooks'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { RequestContext } from './request-context.ts'
import type { Share } from './share.ts'

/**
 * The thread is overloaded when it was idle for less than this part of the time and had a CPU for
 * at least this part; otherwise others use the CPU. Refusing leaves pauses, so the state lasts for
 * a while.
 */
const BEGINS = { idle: 0.05, cpu: 0.75 } as const
const GOES_ON = { idle: 0.2, cpu: 0.6 } as const
/**
 * A single long turn is a burst, or a garbage collection: the average of this many shows overload.
 */
const TURNS = 8
/** One turn reduces what a caller may have per turn at most by this factor. */
const MOST_CUT = 0.8
/** How much this rises while turns are short. */
const RISE = 1.05
const LEAST_RISE = 0.25
/**
 * Beyond this many times the wanted length only callers without a call in this turn are admitted.
 */
const MOST_TIMES_LENGTH = 2
/** The number of distinguished callers; more than identities were issued. */
const MOST_CALLERS = 4096
/**
 * Once turns were too long, the limit applies for at least this long; its value is adjusted turn by
 * turn.
 */
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

/** This thread's times in milliseconds, and a callback at the end of a turn. */
export interface TurnSource {
  now(): number
  /** How long it has had a CPU, and how long it was idle. */
  cpuMs(): number
  idleMs(): number
  atEnd(done: () => void): void
}

/** Who is told of refusals. */
export interface TurnEvents {
  /** A request was refused unread: this is the only record of it. */
  refusedUnread(): void
  /** The number of calls refused since the last tick, including these. */
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
 * How many calls one turn of the event loop admits when this thread has no CPU left. Input is read
 * at the beginning of a turn, so a request waits at most about two turns before it is judged: short
 * turns mean short queues. While turns are too long each caller gets fewer calls per turn, the same
 * number for all: callers that ask for more are refused first, callers that ask for less not at
 * all. This helps only if a refusal is much cheaper than a call; over HTTP/1.1 between sidecars it
 * is not.
 *
 * Okapi's calls at `modules` belong to admitted calls and are never refused; nor are system calls.
 */
export class TurnLimit {
  readonly #turnMs: number
  readonly #events: TurnEvents
  readonly #source: TurnSource
  readonly #byCaller = new Map<object, Taken>()
  /**
   * All callers without a proven identity count as one, which may have as much as all others
   * together.
   */
  readonly #unproven: Taken = { turn: 0, calls: 0 }
  #cpuMs: number
  #idleMs: number
  #at: number
  #busy = false
  /** Calls are refused: turns were too long. */
  #shedding = false
  #shedSince = 0
  #turn = 1
  /** When the first input of this turn arrived; -1: none yet. */
  #began = -1
  #averageMs = 0
  /** How many calls one caller may have per turn. */
  #most = Number.POSITIVE_INFINITY
  /**
   * In this turn: the maximum of one caller, the sum of proven callers, the addresses that called.
   */
  #peak = 0
  #proven = 0
  #addresses = 0
  #refused = 0
  #provenBefore = 0
  #addressesBefore = 1
  /** Refused since the last tick. */
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

  /** Counts an admitted call, or returns why it may not begin. */
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
   * Is a request of this caller refused unread? That is cheaper than judging it, but not possible
   * for calls that may be system calls. Calls to Okapi itself are admitted.
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
