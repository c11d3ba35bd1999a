import type { Config } from '../config/config.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { ModuleConcurrency } from '../proxy/module-concurrency.ts'
import { TurnLimit } from '../proxy/turn-limit.ts'
import type { CoarseClock } from '../transport/clock.ts'

/** The time between two such log lines. */
const SAID_EVERY_MS = 10_000

/** The limit that follows the module's latency, for one thread; undefined if it is off. */
export function concurrencyOf({ module, limits }: Config): ModuleConcurrency | undefined {
  const { adaptive, exchanges, exchangesToModule } = limits
  if (adaptive.tolerance === 0) return undefined
  const most = Math.min(exchanges, exchangesToModule)
  return new ModuleConcurrency(module.id, { ...adaptive, most })
}

/** Who is told what a limit does. */
export interface TurnLimitTold {
  readonly clock: CoarseClock
  readonly metrics: Metrics
  readonly log: Logger
}

/** The limit that follows the load of this thread; undefined if it is off. */
export function turnLimitOf(
  { limits: { turnMs } }: Config,
  { clock, metrics, log }: TurnLimitTold,
) {
  if (turnMs === 0) return undefined
  let saidAt = Number.NEGATIVE_INFINITY
  let refused = 0
  const limit = new TurnLimit(turnMs, {
    refusedUnread() {
      metrics.refused('ingress', 'overloaded')
      metrics.limitHit('turnMs')
    },
    refusedLately(calls) {
      refused += calls
      if (clock.now - saidAt < SAID_EVERY_MS) return
      log.warn({ refused, turnMs }, 'no CPU left: calls are refused')
      saidAt = clock.now
      refused = 0
    },
  })
  clock.watch(limit)
  return limit
}
