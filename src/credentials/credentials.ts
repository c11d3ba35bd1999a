import { Fault, type Problem, sentence } from '../fault.ts'
import type { Authority } from '../trust/chain.ts'
import { withoutClock } from '../trust/profile.ts'
import type { BoundCrl } from '../x509/crl.ts'
import { checkGeneration } from './check-generation.ts'
import { contentHashOf, type Expectation, type Generation } from './generation.ts'
import type { CredentialSource, RawMaterial } from './raw-material.ts'

/** Reported once for each activated generation, and for each new reason why one was refused. */
export type ReloadReport =
  | {
      readonly result: 'ok'
      readonly number: number
      readonly changed: Changes
      /** Warnings only. */
      readonly problems: readonly Problem[]
    }
  | {
      readonly result: 'failed'
      /** The generation that stays in use. */
      readonly number: number
      readonly problems: readonly Problem[]
    }

/** Called after the swap, in the order of subscription; a listener switches its TLS context here. */
export type Subscriber = (next: Generation, previous: Generation) => void

/** The generation in use, to authenticate with and to judge peers by. */
export interface CredentialsInForce {
  readonly current: Generation
  /** Calls back after each swap. Returns the way out. */
  subscribe(subscriber: Subscriber): () => void
}

/** What live credentials need. */
export interface CredentialsOptions {
  readonly source: CredentialSource
  readonly expected: Omit<Expectation, 'now' | 'number' | 'knownCrls'>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly onReload?: (report: ReloadReport) => void
  /** Called with each generation and its raw material, before it is used. */
  readonly onActivate?: (raw: RawMaterial, next: Generation) => void
}

/**
 * The one live cell of key, chain, trust and revocation. It always has a generation that was
 * checked as a whole; if the next one is wrong, the last good one stays.
 */
export class Credentials implements CredentialsInForce {
  readonly #options: CredentialsOptions
  readonly #subscribers = new Set<Subscriber>()
  #current: Generation | undefined
  #stopWatching: (() => void) | undefined
  #stopped = false
  /** The read that runs now, and whether another was asked for meanwhile. */
  #running: Promise<void> | undefined
  #again = false
  #lastFailure: string | undefined
  /**
   * The newest list of each authority that was ever in use, by its key, even if the authority has
   * left the bundle. A restart forgets it.
   */
  readonly #newestCrls = new Map<string, BoundCrl>()

  constructor(options: CredentialsOptions) {
    this.#options = options
  }

  /** The generation in use. */
  get current(): Generation {
    if (this.#current === undefined) throw new Error('credentials are used before start()')
    return this.#current
  }

  /** Reads the first generation and begins to watch. Throws a Fault where it is not good. */
  async start(): Promise<Generation> {
    const { source } = this.#options
    // Watched before it is read; otherwise a change in between would be missed until the next poll.
    let changedMeanwhile = false
    this.#stopWatching = source.watch(() => {
      if (this.#current === undefined) changedMeanwhile = true
      else void this.reload()
    })
    try {
      const raw = await source.read()
      this.#activate(raw, await this.#check(raw, 1))
    } catch (error) {
      this.stop()
      throw error
    }
    if (changedMeanwhile) await this.reload()
    return this.current
  }

  /** Ends the watching; the current generation can still be used. */
  stop(): void {
    this.#stopped = true
    this.#stopWatching?.()
    this.#stopWatching = undefined
  }

  /** Calls back after each swap. Returns the way out. */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  /** Reads again now; resolves when what was there at the time of the call has been judged. */
  reload(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true
      return this.#running
    }
    this.#running = this.#reloadUntilQuiet().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #reloadUntilQuiet(): Promise<void> {
    do {
      this.#again = false
      await this.#reloadOnce()
    } while (this.#again && !this.#stopped)
  }

  async #reloadOnce(): Promise<void> {
    const previous = this.current
    let raw: RawMaterial
    let next: Generation
    try {
      raw = await this.#options.source.read()
      if (this.#stopped) return
      if (contentHashOf(raw) === previous.contentHash) {
        if (this.#lastFailure !== undefined) this.#tellOk(previous, previous)
        return
      }
      refuseLossOfRevocation(raw, previous)
      next = await this.#check(raw, previous.number + 1)
      if (this.#stopped) return
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#fail(error.problems)
      return
    }
    this.#activate(raw, next)
  }

  #check(raw: RawMaterial, number: number): Promise<Generation> {
    const { expected, now } = this.#options
    const knownCrls = [...this.#newestCrls.values()]
    return checkGeneration(raw, { ...expected, now: now(), number, knownCrls })
  }

  #activate(raw: RawMaterial, next: Generation): void {
    const previous = this.#current
    this.#options.onActivate?.(raw, next)
    this.#current = next
    for (const crl of next.crls) this.#newestCrls.set(crl.signedBy, crl)
    if (previous !== undefined) {
      for (const subscriber of [...this.#subscribers]) subscriber(next, previous)
    }
    this.#tellOk(previous, next)
  }

  /** Also when the files have the same content as before they were broken. */
  #tellOk(previous: Generation | undefined, next: Generation): void {
    this.#lastFailure = undefined
    this.#options.onReload?.({
      result: 'ok',
      number: next.number,
      changed: changesBetween(previous, next),
      problems: next.warnings,
    })
  }

  /** The same failure is found at every poll; it is reported once. */
  #fail(problems: readonly Problem[]): void {
    const text = withoutClock(problems.map(sentence).join('\n'))
    if (text === this.#lastFailure) return
    this.#lastFailure = text
    this.#options.onReload?.({ result: 'failed', number: this.current.number, problems })
  }
}

/** A missing list must not silently allow revoked certificates again. */
function refuseLossOfRevocation(raw: RawMaterial, previous: Generation): void {
  if (raw.crl !== undefined || previous.crls.length === 0) return
  throw new Fault({
    severity: 'error',
    message: 'ca.crl is gone; the last revocation lists stay in use',
    where: { file: raw.ca.path },
    hint: 'restore ca.crl; to turn revocation off, restart without it',
  })
}

/** What a new generation brings, for one line of the log. */
export interface Changes {
  /** Of the leaf, lower-case hex. */
  readonly serial: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** `CN=root2 (SHA-256 ...)`, for each new or removed root. */
  readonly rootsAdded: readonly string[]
  readonly rootsRemoved: readonly string[]
  /** Serial numbers that are revoked now and were not before. */
  readonly newlyRevoked: number
}

/** Compares two generations; without a previous one everything is new. */
function changesBetween(previous: Generation | undefined, next: Generation): Changes {
  const before = previous?.bundle.roots ?? []
  const after = next.bundle.roots
  const revokedBefore = new Set(previous?.crls.flatMap(revokedIn))
  return {
    serial: next.leaf.serial.hex,
    notAfter: next.notAfter,
    rootsAdded: without(after, before),
    rootsRemoved: without(before, after),
    newlyRevoked: next.crls.flatMap(revokedIn).filter((each) => !revokedBefore.has(each)).length,
  }
}

function without(roots: readonly Authority[], others: readonly Authority[]): readonly string[] {
  const known = new Set(others.map(({ fingerprint256 }) => fingerprint256))
  return roots
    .filter(({ fingerprint256 }) => !known.has(fingerprint256))
    .map(({ subject, fingerprint256 }) => `${subject.text} (SHA-256 ${fingerprint256})`)
}

function revokedIn({ signedBy, revoked }: Generation['crls'][number]): readonly string[] {
  return [...revoked].map((serial) => `${signedBy}/${serial}`)
}
