import type { Socket } from 'node:net'
import type { Config } from '../../config/config.ts'
import type { CredentialsInForce } from '../../credentials/credentials.ts'
import type { Logger } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { History } from '../../observe/status/history.ts'
import type { CoarseClock } from '../../transport/clock.ts'
import type { Descriptors } from '../../transport/descriptors.ts'
import type { NameResolver } from '../../transport/name-resolver.ts'
import type { Listeners } from '../listeners.ts'

/** The parts of a leg that carries sessions instead of calls. */
export interface LegOptions {
  readonly config: Config
  readonly clock: CoarseClock
  readonly descriptors: Descriptors
  readonly names: NameResolver
  readonly credentials: CredentialsInForce
  readonly listeners: Pick<Listeners, 'other'>
  readonly metrics: Metrics
  readonly log: Logger
  readonly history: History
}

/** How often trust files are checked, and the expiry of sessions. */
export const LOOK_MS = 1000

/** Connections that arrive before every listener of the sidecar is bound: they wait, and nothing is read. */
export class EarlyConnections {
  /** Null: all listeners are bound. */
  #waiting: Map<Socket, () => void> | null = new Map()

  accepted(socket: Socket, begin: () => void): void {
    const waiting = this.#waiting
    if (waiting === null) return begin()
    socket.on('error', () => socket.destroy())
    socket.once('close', () => waiting.delete(socket))
    waiting.set(socket, begin)
  }

  /** Starts the waiting connections; later ones start at once. */
  serve(): void {
    const waiting = this.#waiting ?? new Map<Socket, () => void>()
    this.#waiting = null
    for (const begin of waiting.values()) begin()
  }

  destroy(): void {
    for (const socket of this.#waiting?.keys() ?? []) socket.destroy()
  }
}
