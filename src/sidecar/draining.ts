import type { Log } from '../observe/log.ts'
import { after } from '../transport/clock.ts'
import type { Connections } from './connections.ts'
import type { SessionLegs } from './legs/session-legs.ts'
import type { Listeners } from './listeners.ts'

/** What a drain closes, and waits for. */
export interface Draining {
  readonly listeners: Listeners
  readonly connections: Connections
  readonly legs: SessionLegs
  readonly log: Log
  /** `limits.drainTimeoutMs` */
  readonly timeoutMs: number
}

/**
 * Closes the listeners and lets everything that is open finish. Resolves to whether that was done within
 * `limits.drainTimeoutMs`; if not, the rest is still open.
 */
export async function drain(draining: Draining): Promise<boolean> {
  const { connections, legs, log, timeoutMs } = draining
  const closed = close(draining)
  if (connections.exchanges + legs.databaseSessions + legs.kafkaConnections > 0) {
    const waiting = { ...openIn(draining), drainTimeoutMs: timeoutMs }
    log.log.info(waiting, 'drain waits for exchanges')
  }
  const drained = await Promise.race([closed.then(() => true), after(timeoutMs).then(() => false)])
  if (!drained) {
    const left = { connections: connections.size, ...openIn(draining) }
    log.log.error(left, 'drain timed out, cutting')
  }
  return drained
}

/** The module's or Okapi's own calls, which others' calls need to finish, end after those. */
async function close({ listeners, connections, legs }: Draining): Promise<void> {
  for (const way of ['in', 'out'] as const) {
    // Calls of others, which use the database or Kafka, end before these sessions do.
    const sessions = way === 'out' ? legs.drain() : undefined
    await Promise.all([listeners.close(way), connections.drain(way), sessions])
  }
}

/** What a drain waits for, as the log says it. */
function openIn({ connections, legs: { databaseSessions, kafkaConnections } }: Draining) {
  return {
    exchanges: connections.exchanges,
    ...(databaseSessions > 0 && { databaseSessions }),
    ...(kafkaConnections > 0 && { kafkaConnections }),
    oldest: connections.longestOpen(),
  }
}
