import type { Direction } from '../observe/labels.ts'
import type { ConcurrencySeen, WorkerSeen } from '../observe/status/facts.ts'
import type { History, HistoryView } from '../observe/status/history.ts'
import type { ModuleConcurrency } from '../proxy/module-concurrency.ts'
import type { PublicKeyPair } from '../transport/listen.ts'
import type { Authentication } from './authentication.ts'
import type { Connections } from './connections.ts'
import type { SessionLegs } from './legs/session-legs.ts'
import type { BoundAddresses } from './listeners.ts'
import type { PolicyMaterial } from './policy-material.ts'
import type { Upstreams } from './upstreams.ts'

/** What those who serve are asked when metrics are scraped or the status page is read. */
export interface ServingState {
  /** Open connections of callers. */
  readonly connections: number
  /** The same at one listener. */
  open(direction: Direction): number
  /** Connections with peers, opened under older credentials. */
  readonly stale: number
  readonly bufferedBytes: number
  /** Exchanges that are under way. */
  readonly running: number
  /** What `limits.adaptive` has come to; null where it is off. */
  readonly concurrency: ConcurrencySeen | null
  readonly history: HistoryView
  readonly workers: readonly WorkerSeen[]
}

/** Those who serve: the main thread itself, or several of their own. */
export interface ServingThreads {
  readonly seen: ServingState
  /**
   * Opens every listener; resolves to what it is bound to. Throws a Fault where one cannot be had. What
   * comes waits: nothing is read.
   */
  open(): Promise<BoundAddresses>
  /** Resolves when every listener that was opened has its address; a Fault when one never will. */
  listen(): Promise<void>
  /** Everything listens: those who wait are served. */
  serve(): void
  /** The policy in force is another one, made of this, with this hash. */
  policyChanged(material: PolicyMaterial, hash: string): void
  /** Browsers are shown this from now on; before `open` where there is a `public` listener. */
  showPublic(pair: PublicKeyPair): void
  /** Resolves when all serve by what was changed last; undefined: they do. */
  takenUp(): Promise<void> | undefined
  /** Resolves when `seen` is as of now; undefined: it is. */
  look(): Promise<void> | undefined
  /**
   * Shutting down will follow: callers are sent elsewhere, the module is waited for no longer, and Okapi's
   * question whether it is well is answered with no. What runs finishes; more than once is as once.
   */
  leave(): void
  /**
   * Stops accepting, finishes what runs, closes; false when exchanges had to be cut because
   * `limits.drainTimeoutMs` was over.
   */
  drain(): Promise<boolean>
  /** Cuts everything; nothing is left running. */
  destroy(): void
}

/** What one thread says of itself. What is asked for is looked up then, not now. */
export function seenIn(
  connections: Connections,
  upstreams: Upstreams,
  authentication: Authentication,
  history: History,
  legs: SessionLegs,
  module: ModuleConcurrency | undefined,
): ServingState {
  return {
    get connections() {
      return connections.size + legs.databaseSessions + legs.kafkaConnections
    },
    open: (direction: Direction) => {
      if (direction === 'postgres') return legs.databaseSessions
      if (direction === 'kafka') return legs.kafkaConnections
      return connections.open(direction)
    },
    get stale() {
      return authentication.stale
    },
    get running() {
      return connections.exchanges
    },
    get bufferedBytes() {
      return connections.bufferedBytes + upstreams.bufferedBytes + legs.heldBytes
    },
    get concurrency() {
      return module?.seen ?? null
    },
    history,
    workers: [],
  }
}
