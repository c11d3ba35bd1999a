import { extname } from 'node:path'
import type { Config } from '../../config/config.ts'
import type { Generation } from '../../credentials/generation.ts'
import { type Handed, handOver } from '../../credentials/handed.ts'
import type { RawMaterial } from '../../credentials/raw-material.ts'
import { besideOkapi } from '../../listeners/listener.ts'
import type { Log } from '../../observe/log.ts'
import { SharedTallies, sharedCells, type Tallies } from '../../observe/tallies.ts'
import { broughtMemory } from '../../proxy/brought-tenants.ts'
import { type ExchangeSlots, exchangeMemory } from '../../proxy/open-exchanges.ts'
import { sharedPathMemory } from '../../proxy/shared-path.ts'
import type { PublicKeyPair } from '../../transport/listen.ts'
import type { Auditing } from '../auditing.ts'
import { slotsOf } from '../exchange-slots.ts'
import type { BoundAddresses } from '../listeners.ts'
import type { PolicyMaterial } from '../policy-material.ts'
import type { ServingState, ServingThreads } from '../serving-threads.ts'
import { merged } from './merged.ts'
import type { Asks, HandedPolicy, Opened, Start } from './messages.ts'
import { RemoteEntries } from './remote-audit.ts'
import { limitsOfOne, withPorts } from './shares.ts'
import { WorkerThread } from './worker-thread.ts'

/** What several threads are made of. */
export interface WorkersOptions {
  readonly config: Config
  readonly log: Log
  /** At least 1. */
  readonly threads: number
  /** Another beginning, for tests. */
  readonly file?: URL
}

/**
 * Several threads that serve on the same ports. Each is handed what the main thread has read and
 * found good; one that dies is the end of all, for half a sidecar is none.
 */
export class Workers implements ServingThreads {
  /** Where they count, and where the main thread reads the sums. */
  readonly tallies: Tallies
  /** Resolves when the first has died. */
  readonly died: Promise<void>
  readonly #options: WorkersOptions
  readonly #cells: readonly SharedArrayBuffer[]
  readonly #okapiPath = sharedPathMemory()
  readonly #exchanges: SharedArrayBuffer | undefined
  readonly #brought: SharedArrayBuffer
  readonly #threads: WorkerThread[] = []
  readonly #death = Promise.withResolvers<void>()
  #credentials: Handed | undefined
  #policy: HandedPolicy | undefined
  #pair: PublicKeyPair | undefined
  #tokenMemory: SharedArrayBuffer | undefined
  #auditing: Auditing | undefined
  #begun = false
  #taking: Promise<void> | undefined
  #seen: ServingState = merged([])

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#brought = broughtMemory(besideOkapi(options.config))
    this.#cells = Array.from({ length: options.threads }, sharedCells)
    // The main thread counts too: what was taken up, and what was not.
    this.tallies = new SharedTallies([sharedCells(), ...this.#cells])
    const { config, threads } = options
    const slots = slotsOf({ ...config, limits: limitsOfOne(config.limits, threads) })
    this.#exchanges = slots === 0 ? undefined : exchangeMemory(slots * threads)
    this.died = this.#death.promise
  }

  get seen(): ServingState {
    return this.#seen
  }

  /** The first finds out which ports there are, and whether they are free; then come the others. */
  async open(): Promise<BoundAddresses> {
    const { config, threads } = this.#options
    const limits = limitsOfOne(config.limits, threads)
    const first = await this.#begin(0, { ...config, limits }, { first: true, otherLoopback: false })
    const { listening, otherLoopback } = first
    const same = withPorts({ ...config, limits }, listening)
    const others = this.#cells.slice(1).map((_, i) => {
      return this.#begin(i + 1, same, { first: false, otherLoopback })
    })
    await Promise.all(others)
    // No more begin: what they were begun with is not kept, the key least of all.
    this.#begun = true
    this.#credentials = undefined
    this.#policy = undefined
    this.#pair = undefined
    return listening
  }

  /** Each thread has opened what it has when all addresses were free. */
  async listen(): Promise<void> {}

  serve(): void {
    for (const thread of this.#living) thread.ask('serve', null).catch(() => {})
  }

  /** Credentials are in force that were made of this. */
  credentialsChanged(raw: RawMaterial, next: Generation): void {
    const handed = handOver(raw, next)
    if (!this.#begun) this.#credentials = handed
    this.#hand('credentials', handed)
  }

  /** Before `open`: where they remember tokens. */
  remembersTokensIn(memory: SharedArrayBuffer | undefined): void {
    this.#tokenMemory = memory
  }

  /** Before `open`: where their entries of the audit trail go. */
  auditsIn(auditing: Auditing | undefined): void {
    this.#auditing = auditing
  }

  policyChanged(material: PolicyMaterial, hash: string): void {
    const handed = { material, hash }
    if (!this.#begun) this.#policy = handed
    this.#hand('policy', handed)
  }

  showPublic({ key, cert }: PublicKeyPair): void {
    const pair = { key, cert }
    if (!this.#begun) this.#pair = pair
    this.#hand('showPublic', pair)
  }

  takenUp(): Promise<void> | undefined {
    return this.#taking
  }

  async look(): Promise<void> {
    const now = Date.now()
    this.#seen = merged(await Promise.all(this.#threads.map((thread) => thread.ask('look', now))))
  }

  leave(): void {
    for (const thread of this.#living) thread.ask('leave', null).catch(() => {})
  }

  /** Those that live finish what they have; false where one had to cut, or died of it. */
  async drain(): Promise<boolean> {
    const all = this.#living.map((thread) => thread.ask('drain', null).catch(() => false))
    const drained = await Promise.all(all)
    return drained.every((each) => each)
  }

  destroy(): void {
    for (const thread of this.#threads) thread.end()
  }

  get #living(): readonly WorkerThread[] {
    return this.#threads.filter(({ alive }) => alive)
  }

  #begin(i: number, config: Config, sharing: Start['sharing']): Promise<Opened> {
    const { log, file = WORKER_FILE } = this.#options
    const [credentials, policy, publicPair] = [this.#credentials, this.#policy, this.#pair]
    const cells = this.#cells[i]
    if (credentials === undefined || policy === undefined || cells === undefined) {
      throw new Error('a worker begins before there is anything to serve by')
    }
    const entries: RemoteEntries = new RemoteEntries(this.#auditing, (told) => {
      // A thread that has died waits for nothing.
      thread.ask('audited', told).catch(() => {})
    })
    const thread = new WorkerThread(file, `worker ${i + 1}`, {
      lines: (lines) => void log.destination.write(lines),
      entry: (entry) => entries.take(entry),
      died: (why) => {
        log.log.fatal({ worker: i + 1, why }, 'worker died')
        this.#death.resolve()
      },
    })
    this.#threads.push(thread)
    const okapiPath = this.#okapiPath
    const exchanges = this.#slotsOf(i, config)
    const memory = {
      cells,
      okapiPath,
      tokenMemory: this.#tokenMemory,
      exchanges,
      brought: this.#brought,
    }
    return thread.ask('open', { config, sharing, ...memory, credentials, policy, publicPair })
  }

  #slotsOf(i: number, config: Config): ExchangeSlots | undefined {
    const slots = slotsOf(config)
    const memory = this.#exchanges
    return memory && { memory, from: i * slots, to: (i + 1) * slots }
  }

  /** Gives it to all that have begun; `takenUp` waits for every one of them. */
  #hand<K extends 'credentials' | 'policy' | 'showPublic'>(ask: K, what: Asks[K][0]): void {
    if (this.#threads.length === 0) return
    const asked = this.#living.map((thread) => thread.ask(ask, what))
    const taking = Promise.all([this.#taking, ...asked]).then(() => {
      if (this.#taking === taking) this.#taking = undefined
    })
    // What waits for it is told; a thread that dies is told of by itself.
    taking.catch(() => {})
    this.#taking = taking
  }
}

// Bundled, this code lies in a folder beside `sidecar`, and everything is JavaScript.
const IN_BUNDLE = extname(new URL(import.meta.url).pathname) === '.js'
const THREAD = IN_BUNDLE ? '../sidecar/workers/thread.js' : './thread.ts'

/** Where a thread that serves begins: an entry point of its own, in the bundle too. */
export const WORKER_FILE = new URL(THREAD, import.meta.url)
