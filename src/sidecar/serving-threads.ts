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

/** The values of serving threads for metrics and the status page. */
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
  /** The current value of `limits.adaptive`; null if it is off. */
  readonly concurrency: ConcurrencySeen | null
  readonly history: HistoryView
  readonly workers: readonly WorkerSeen[]
}

/** The serving threads: the main thread itself, or several others. */
export interface ServingThreads {
  readonly seen: ServingState
  /**
   * Opens every listener; resolves to what it is bound to. Throws a Fault if one cannot be bound.
   * Connections wait: nothing is read.
   */
  open(): Promise<BoundAddresses>
  /** Resolves when every listener that was opened has its address; a Fault when one never will. */
  listen(): Promise<void>
  /** Everything listens: waiting connections are served. */
  serve(): void
  /** A new policy is in force, made from this material, with this hash. */
  policyChanged(material: PolicyMaterial, hash: string): void
  /**
   * The certificate for browsers from now on; called before `open` if there is a `public` listener.
   */
  showPublic(pair: PublicKeyPair): void
  /** Resolves when all serve with the last change; undefined: they already do. */
  takenUp(): Promise<void> | undefined
  /** Resolves when `seen` is current; undefined: it is. */
  look(): Promise<void> | undefined
  /**
   * A shutdown will follow: callers are sent elsewhere, calls no longer wait for the module, and
   * Okapi's health question is answered with no. Open exchanges finish; repeated calls have no
   * further effect.
   */
  leave(): void
  /**
   * Stops accepting, finishes open exchanges, closes; false if exchanges had to be cut because
   * `limits.drainTimeoutMs` was over.
   */
  drain(): Promise<boolean>
  /** Cuts everything; nothing is left running. */
  destroy(): void
}

/** The values of one thread, read when they are needed. */
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
