import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { CoarseClock } from '../transport/clock.ts'
import { NameResolver } from '../transport/name-resolver.ts'

/** More names than that are without a good answer: that is told by now. */
const MOST_TOLD = 1000

/** Looks up names, counts that, and says once when a name has no good answer, and when it has again. */
export function nameResolver(clock: CoarseClock, log: Logger, metrics: Metrics): NameResolver {
  const told = new Set<string>()
  return new NameResolver(() => clock.now, {
    looked: (result, name, code) => {
      metrics.nameLookedUp(result)
      if (result === 'found') {
        if (told.delete(name)) log.info({ name, result }, 'name lookup')
      } else if (!told.has(name) && told.size < MOST_TOLD) {
        told.add(name)
        log.warn({ name, result, code }, 'name lookup')
      }
    },
  })
}
