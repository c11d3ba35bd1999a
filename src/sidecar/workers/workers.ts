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

/** The parts of several threads. */
export interface WorkersOptions {
  readonly config: Config
  readonly log: Log
  /** At least 1. */
  readonly threads: number
  /** Another entry point, for tests. */
  readonly file?: URL
}

/**
 * Several threads that serve on the same ports. Each gets what the main thread has read and accepted;
 * if one dies, all end, because the rest could not serve everything.
 */
export class Workers implements ServingThreads {
  /** Their counters, of which the main thread reads the sums. */
  readonly tallies: Tallies
  /** Resolves when the first thread dies. */
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
    // The main thread counts too: activated generations, and refused ones.
    this.tallies = new SharedTallies([sharedCells(), ...this.#cells])
    const { config, threads } = options
    const slots = slotsOf({ ...config, limits: limitsOfOne(config.limits, threads) })
    this.#exchanges = slots === 0 ? undefined : exchangeMemory(slots * threads)
    this.died = this.#death.promise
  }

  get seen(): ServingState {
    return this.#seen
  }

  /** The first thread finds out the ports and whether they are free; then the others start. */
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
    // No more threads start, so their start data, above all the key, is not kept.
    this.#begun = true
    this.#credentials = undefined
    this.#policy = undefined
    this.#pair = undefined
    return listening
  }

  /** Nothing to do: when all addresses were free, each thread has already opened its listeners. */
  async listen(): Promise<void> {}

  serve(): void {
    for (const thread of this.#living) thread.ask('serve', null).catch(() => {})
  }

  /** Credentials made from this are now in force. */
  credentialsChanged(raw: RawMaterial, next: Generation): void {
    const handed = handOver(raw, next)
    if (!this.#begun) this.#credentials = handed
    this.#hand('credentials', handed)
  }

  /** To be called before `open`: the shared memory for tokens. */
  remembersTokensIn(memory: SharedArrayBuffer | undefined): void {
    this.#tokenMemory = memory
  }

  /** To be called before `open`: the destination of their entries of the audit trail. */
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

  /** Living threads finish their exchanges; false if one had to cut some, or died. */
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
      // A dead thread waits for nothing.
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

  /** Sends it to all started threads; `takenUp` waits for all of them. */
  #hand<K extends 'credentials' | 'policy' | 'showPublic'>(ask: K, what: Asks[K][0]): void {
    if (this.#threads.length === 0) return
    const asked = this.#living.map((thread) => thread.ask(ask, what))
    const taking = Promise.all([this.#taking, ...asked]).then(() => {
      if (this.#taking === taking) this.#taking = undefined
    })
    // Whatever waits for it gets the error; the death of a thread is reported separately.
    taking.catch(() => {})
    this.#taking = taking
  }
}

// In the bundle this code is in a folder beside `sidecar`, and everything is JavaScript.
const IN_BUNDLE = extname(new URL(import.meta.url).pathname) === '.js'
const THREAD = IN_BUNDLE ? '../sidecar/workers/thread.js' : './thread.ts'

/** The entry point of a serving thread, also a separate one in the bundle. */
export const WORKER_FILE = new URL(THREAD, import.meta.url)
