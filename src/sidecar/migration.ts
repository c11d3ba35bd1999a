import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Config, Migration } from '../config/config.ts'
import { isInNetworks } from '../config/networks.ts'
import type { Problem } from '../fault.ts'
import { closedSince } from '../listeners/migration.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { MigrationFacts } from '../observe/status/facts.ts'
import type { History } from '../observe/status/history.ts'
import type { Policy } from '../policy/policy.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { originOf } from '../transport/address.ts'
import type { CoarseClock, Ticking } from '../transport/clock.ts'
import { dispose, turnAway } from '../transport/turn-away.ts'
import { strangerAt, turnedAwayAs } from './turned-away.ts'

/**
 * Reasons why a migration listener is forbidden beside this module, whatever the configuration
 * says.
 */
export function migrationProblems({ module, migration }: Config, policy: Policy): Problem[] {
  if (migration === undefined || policy.traits(module.id)?.authFilter !== true) return []
  const message = `\`migration\`: ${module.id} has an auth filter, and the migration listener never leads to such a module`
  const hint = 'move it over in one step, when Okapi has its sidecar: docs/migrate.md'
  return [{ severity: 'error', message, hint }]
}

/** The migration listener as it is reported; null if there is none. */
export function migrationFacts({ migration }: Config, nowMs: number): MigrationFacts | null {
  if (migration === undefined) return null
  const { from, until: untilMs, why } = migration
  return { open: nowMs < untilMs, untilMs, from: from.map(({ text }) => text), why }
}

/**
 * How many refused connections get an answer at the same time; further ones are closed silently.
 */
const MOST_TURNED_AWAY = 64

/** What is needed to accept a caller without a proven identity. */
export interface PlainEntry {
  readonly migration: Migration
  /** `limits.connectionsPerPeer`, here by address. */
  readonly connectionsPerPeer: number
  readonly clock: CoarseClock
  readonly metrics: Metrics
  readonly log: Logger
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** For the status page. */
  readonly history?: Pick<History, 'turnedAway'>
  /** False: another thread reports when the listener opens and closes. */
  readonly says?: boolean
}

/** Those who may use the migration listener, which is reported as opened. */
export function plainPeers(
  config: Config,
  entry: Omit<PlainEntry, 'migration' | 'connectionsPerPeer'>,
): PlainPeers {
  const { migration, limits } = config
  if (migration === undefined) throw new Error('there is no migration listener')
  if (entry.says !== false) {
    const until = new Date(migration.until).toISOString()
    entry.log.warn({ ...migrationFacts(config, entry.now()), until }, 'migration listener opened')
  }
  return new PlainPeers({ ...entry, migration, connectionsPerPeer: limits.connectionsPerPeer })
}

/** Who may use the migration listener, and until when: the only exception to trust rule 1. */
export class PlainPeers implements Ticking {
  readonly #entry: PlainEntry
  readonly #open = new Map<string, number>()
  #turnedAway = 0
  #told = false

  constructor(entry: PlainEntry) {
    this.#entry = entry
    const { until, listen } = entry.migration
    if ('path' in listen) throw new Error('a Unix socket tells no address')
    this.#told = entry.now() >= until || entry.says === false
    entry.clock.watch(this)
  }

  /** Why the migration listener refuses everything; null as long as it is open. */
  readonly shut = (): Refusal | null => {
    const { now, migration } = this.#entry
    return closedSince(migration.until, now())
  }

  /** Accepts a new connection, or refuses it. */
  admit(socket: Socket): boolean {
    const refusal = this.shut() ?? this.#unlisted(socket) ?? this.#tooMany(socket)
    if (refusal === null) {
      this.#count(socket)
      return true
    }
    this.#turnAway(socket, refusal)
    return false
  }

  /** Reports once that the listener has closed. Called by the coarse clock. */
  tick(): void {
    const closed = this.#told ? null : this.shut()
    if (closed === null) return
    this.#told = true
    this.#entry.log.warn({ because: closed.because }, 'migration listener closed')
  }

  #unlisted({ remoteAddress }: Socket): Refusal | null {
    if (isInNetworks(this.#entry.migration.from, remoteAddress)) return null
    const who = strangerAt(remoteAddress)
    return refuse('caller-not-allowed', `${who} is not in migration.from`, {
      wouldAllow: 'a sidecar of its own; or its address in migration.from',
    })
  }

  #tooMany({ remoteAddress = '' }: Socket): Refusal | null {
    const { connectionsPerPeer: most, metrics } = this.#entry
    if ((this.#open.get(originOf(remoteAddress).address) ?? 0) < most) return null
    metrics.limitHit('connectionsPerPeer')
    return refuse('too-many', `${most} connections of this address are open already`, {
      limit: 'connectionsPerPeer',
    })
  }

  #count(socket: Socket): void {
    const { address } = originOf(socket.remoteAddress ?? '')
    this.#open.set(address, (this.#open.get(address) ?? 0) + 1)
    socket.once('close', () => {
      const left = (this.#open.get(address) ?? 1) - 1
      if (left > 0) this.#open.set(address, left)
      else this.#open.delete(address)
    })
  }

  #turnAway(socket: Socket, refusal: Refusal): void {
    const { metrics, log, clock, history } = this.#entry
    const { reason, because } = refusal
    metrics.refused('plain', reason)
    const requestId = randomUUID()
    const caller = `plain/${strangerAt(socket.remoteAddress)}`
    history?.turnedAway(
      turnedAwayAs(refusal, { direction: 'plain', caller, from: '', requestId }),
      false,
    )
    if (this.#turnedAway >= MOST_TURNED_AWAY) {
      dispose(socket)
      return
    }
    this.#turnedAway++
    socket.once('close', () => this.#turnedAway--)
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    turnAway(socket, refusal, { proven: false, requestId }, clock)
    log.warn({ listener: 'plain', reason, because, requestId, peer }, 'peer refused')
  }
}
