import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { errorCode } from '../fault.ts'
import { isRefusal, type Refusal } from '../refusal/refusal.ts'
import { authenticate } from './authenticate.ts'
import type { Ticking } from './clock.ts'
import { isOutOfDescriptors, isOutOfMemory } from './descriptors.ts'
import type { DialerOptions, Dialled, Dialling, DialTls } from './dial-options.ts'
import { DialRound, placed, untrusted } from './dial-round.ts'
import type { Target } from './peer-addresses.ts'
import { type OpeningFailure, SocketOpening } from './socket-opening.ts'
import type { Targets } from './targets.ts'
import { dispose } from './turn-away.ts'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
const NEVER = Number.POSITIVE_INFINITY

const NO_DESCRIPTORS = 'this sidecar has no file descriptor left'

/** One dial: rounds over the targets, pauses between the rounds, one end. */
export class Attempt<I, R> implements Ticking, Dialling {
  readonly #options: DialerOptions<I, R>
  readonly #targets: Targets
  readonly #open: (target: Target) => Socket
  readonly #done: Dialled<I>
  #giveUpAt: number
  /** It is tried once, and no other. */
  #only: Target | undefined
  #affinity = 0
  #over = false
  #pauseMs = FIRST_PAUSE_MS
  #rounds = 0
  /** Between two rounds. */
  #pausing = false
  #deadline = NEVER
  #onDeadline: () => void = () => {}
  /** Targets that remain in this round. */
  #queue: readonly Target[] = []
  #round = new DialRound()
  /** Was there once no file descriptor left? */
  #starved = false
  #opening: SocketOpening | null = null

  constructor(
    options: DialerOptions<I, R>,
    targets: Targets,
    open: (target: Target) => Socket,
    done: Dialled<I>,
  ) {
    this.#options = options
    this.#targets = targets
    this.#open = open
    this.#done = done
    this.#giveUpAt = options.clock.now + options.connectWaitMs
  }

  /** Only this target is tried, once. */
  startOnce(only: Target | undefined): void {
    this.#only = only
    this.#giveUpAt = this.#options.clock.now
    this.start()
  }

  /** `affinity`: the target for exchanges with this number is tried first; 0: any. */
  start(affinity = 0): void {
    this.#affinity = affinity
    this.#options.clock.watch(this)
    // Not at once, because a failure must not call `done` before `dial` has returned.
    process.nextTick(() => this.#beginRound())
  }

  cancel(): void {
    if (this.#over) return
    this.#stop()
    this.#opening?.cancel()
  }

  tick(now: number): void {
    if (this.#pausing && this.#options.waitsNoMore?.()) return this.#endRound()
    this.#opening?.tick(now)
    if (now < this.#deadline) return
    this.#deadline = NEVER
    this.#onDeadline()
  }

  #beginRound(): void {
    if (this.#over) return
    this.#pausing = false
    const renew = this.#rounds++ > 0 && this.#round.shortage === undefined
    this.#round = new DialRound()
    if (this.#only !== undefined) {
      this.#queue = [this.#only]
      return this.#next()
    }
    // If the previous round reached nothing, the addresses may be outdated.
    this.#resolve(renew, (targets) => {
      this.#queue =
        this.#affinity === 0 ? targets : this.#targets.known.first(this.#affinity, targets)
      this.#next()
    })
  }

  /**
   * All addresses belong to other peers: the names may have new addresses by now (a deleted pod's
   * address is reused). Nothing was sent, so new ones are tried in the same round.
   */
  #lookAgain(): void {
    this.#round.renewed = true
    this.#resolve(true, (targets) => {
      this.#queue = this.#round.untried(targets)
      this.#next()
    })
  }

  #resolve(renew: boolean, done: (targets: readonly Target[]) => void): void {
    let late = false
    this.#until(this.#options.connectMs, () => {
      late = true
      this.#options.limitHit?.('connectMs')
      this.#round.unreached.push(this.#targets.notResolved)
      this.#endRound()
    })
    const resolved = (targets: readonly Target[], failures: readonly string[]) => {
      if (late || this.#over) return
      this.#deadline = NEVER
      this.#round.unreached.push(...failures)
      done(targets)
    }
    this.#targets.resolve(resolved, renew)
  }

  #next(): void {
    if (this.#over) return
    const [target, ...rest] = this.#queue
    if (target === undefined) return this.#endRound()
    this.#queue = rest
    this.#round.tries(target)
    const resting = this.#targets.resting(target, this.#options.clock.now)
    if (resting !== undefined) {
      this.#round.notYet.push(resting)
      this.#next()
      return
    }
    if (this.#options.descriptors?.free === false) return this.#outOfDescriptors()
    const flooded = this.#options.floods?.refusal(target.key, this.#options.clock.now)
    if (flooded) {
      this.#round.flooded = flooded
      return this.#next()
    }
    try {
      this.#connect(target, this.#open(target))
    } catch (error) {
      // No context can be made from our own key or trust bundle, so no peer can be authenticated.
      this.#round.refused.push(untrusted(target, errorCode(error) ?? String(error)))
      this.#next()
    }
  }

  #connect(target: Target, socket: Socket): void {
    this.#opening = new SocketOpening(socket, this.#options, (failure) => {
      this.#opening = null
      if (failure === null) this.#opened(target, socket)
      else this.#failed(target, failure)
    })
  }

  #failed(target: Target, { why, code = '' }: OpeningFailure): void {
    if (isOutOfDescriptors(code)) return this.#outOfDescriptors()
    if (isOutOfMemory(code)) {
      this.#round.shortage = `this machine has no memory for a connection (${code})`
    }
    // OpenSSL's own errors: an alert, no TLS at all, no common version or cipher.
    if (code.startsWith('ERR_SSL_')) this.#round.refused.push(untrusted(target, code))
    this.#targets.remember(target, 'unreachable')
    this.#round.unreached.push(`${target.key}: ${why}`)
    this.#next()
  }

  #opened(target: Target, socket: Socket): void {
    const { tls } = this.#options
    if (tls === null) return this.#succeed(target, socket, null)
    const verdict = this.#verdict(target, socket as TLSSocket, tls)
    if (!isRefusal(verdict)) return this.#succeed(target, socket, verdict.identity)
    dispose(socket)
    this.#targets.remember(target, 'wrong')
    if (verdict.reason === 'module-unavailable') {
      const why = `${target.key}: ${verdict.because}`
      this.#targets.rest(target, why, this.#options.clock.now)
      this.#round.notYet.push(why)
    } else this.#round.refused.push(verdict)
    this.#next()
  }

  /** Fails closed: an exception in a judge, `fits` or a record is a refusal. */
  #verdict(target: Target, socket: TLSSocket, tls: DialTls<I, R>): { identity: I } | Refusal {
    // Another connection, opened at the same time, has shown the same problem already.
    const flooded = this.#options.floods?.pause(target.key, this.#options.clock.now)
    if (flooded) return flooded
    const proven = authenticate(socket, 'server', tls.authenticator)
    if (isRefusal(proven)) return untrusted(target, `${proven.reason}: ${proven.because}`)
    try {
      const refusal = tls.fits(proven.identity)
      if (refusal !== null) return placed(target, refusal)
      return tls.live.add(socket, proven)
    } catch (error) {
      return untrusted(target, errorCode(error) ?? String(error))
    }
  }

  /**
   * This is not the target's fault: nothing is remembered about it, and no other target is tried.
   */
  #outOfDescriptors(): void {
    const { descriptors } = this.#options
    if (!this.#starved) descriptors?.refuse('dial')
    this.#starved = true
    this.#round.shortage = `${descriptors?.words ?? NO_DESCRIPTORS} for a connection`
    this.#endRound()
  }

  #endRound(): void {
    const round = this.#round
    if (round.refusal !== undefined) {
      if (!round.renewed && this.#only === undefined) return this.#lookAgain()
      return this.#fail(round.refusal)
    }
    const isOver = this.#options.clock.now >= this.#giveUpAt
    const ending = round.ending(this.#options.waitsNoMore?.() ?? null, isOver, this.#options)
    if (ending !== null) this.#fail(ending)
    else {
      this.#pausing = true
      this.#until(this.#pauseMs, () => this.#beginRound())
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    }
  }

  #succeed(target: Target, socket: Socket, identity: I | null): void {
    this.#targets.remember(target, 'fits')
    this.#stop()
    this.#done(null, socket, identity)
  }

  #fail(refusal: Refusal): void {
    this.#stop()
    this.#done(refusal, null, null)
  }

  #stop(): void {
    this.#over = true
    this.#options.clock.unwatch(this)
  }

  #until(ms: number, onDeadline: () => void): void {
    this.#deadline = this.#options.clock.now + ms
    this.#onDeadline = onDeadline
  }
}
