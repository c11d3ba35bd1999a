import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { LinkEnding } from '../refusal/link-endings.ts'
import type { LinkEvents } from '../wire/link/link-events.ts'

/** Endings that are nobody's mistake. */
const ORDINARY: ReadonlySet<LinkEnding> = new Set(['left', 'lost'])

/** Counts links that end, and tells those that should not have. */
export function linkEvents(log: Logger, metrics: Metrics): LinkEvents {
  return {
    ended(ending, peer, detail) {
      metrics.linkEnded(ending)
      const level = ORDINARY.has(ending) ? 'debug' : 'warn'
      log[level]({ ending, peer, ...(detail === '' ? {} : { detail }) }, 'link ended')
    },
  }
}
