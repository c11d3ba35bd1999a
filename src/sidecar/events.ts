import type { Config } from '../config/config.ts'
import { besideOkapi } from '../listeners/listener.ts'
import type { AccessLog } from '../observe/access.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { broughtMemory, TenantsBrought } from '../proxy/brought-tenants.ts'
import { type RecordOptions, recorder } from '../proxy/record.ts'
import type { RequestContext } from '../proxy/request-context.ts'
import type { LinkEnding } from '../refusal/link-endings.ts'
import type { CoarseClock } from '../transport/clock.ts'
import { Descriptors } from '../transport/descriptors.ts'
import { NameResolver } from '../transport/name-resolver.ts'
import type { Exchange } from '../wire/exchange.ts'
import type { LinkEvents } from '../wire/link/link-stream.ts'

/** Endings that are no mistake. */
const ORDINARY: ReadonlySet<LinkEnding> = new Set(['left', 'lost'])

/** Counts links that end, and logs those that should not have. */
export function linkEvents(log: Logger, metrics: Metrics): LinkEvents {
  return {
    ended(ending, peer, detail) {
      metrics.linkEnded(ending)
      const level = ORDINARY.has(ending) ? 'debug' : 'warn'
      log[level]({ ending, peer, ...(detail === '' ? {} : { detail }) }, 'link ended')
    },
    doubted: (peer) => log.warn({ peer }, 'link does not answer'),
  }
}

/** With more names than this without a good answer, no more are logged. */
const MOST_TOLD = 1000

/**
 * Looks up names, counts lookups, and logs once when a name has no good answer, and when it has one
 * again.
 */
export function nameResolver(clock: CoarseClock, log: Logger, metrics: Metrics): NameResolver {
  const told = new Set<string>()
  return new NameResolver(() => clock.now, {
    looked: (result, name, code) => {
      metrics.nameLookedUp(result)
      if (result === 'found') {
        if (told.delete(name)) log.info({ name, result }, 'name resolved again')
      } else if (!told.has(name) && told.size < MOST_TOLD) {
        told.add(name)
        log.warn({ name, result, code }, 'name lookup failed')
      }
    },
  })
}

/** What to do when file descriptors run out; `hint` of a log line. */
const MORE_FILES = 'raise the limit (ulimit -n, LimitNOFILE), or lower limits.connections'

/** Logs once when only the reserve of descriptors is left, and once when that is over. */
export function descriptorsTold(
  log: Logger,
  metrics: Metrics,
  connections: () => number,
): Descriptors {
  return new Descriptors({
    refused: (what) => metrics.outOfDescriptors(what),
    began: (openFiles) => {
      const facts = { openFiles, connections: connections(), hint: MORE_FILES }
      log.error(facts, 'out of file descriptors')
    },
    ended: (refused) => {
      log.warn({ refused, connections: connections() }, 'file descriptors are free again')
    },
  })
}

/** For which tenants Okapi has called; logs once when no more can be remembered. */
export function broughtTenants(
  config: Config,
  log: Logger,
  memory = broughtMemory(besideOkapi(config)),
): TenantsBrought {
  let told = false
  return new TenantsBrought(memory, () => {
    if (!told) log.warn('no more tenants are remembered: those that follow count as not served')
    told = true
  })
}

/** Is anything written to the access log? */
export function keepsAccess({ log, migration }: Config): boolean {
  return log.access || migration !== undefined
}

/**
 * The recorder of every exchange. Those of the migration listener are logged even if no others are.
 */
export function recording(
  config: Config,
  access: AccessLog | null,
  kept: Omit<RecordOptions, 'access'>,
): (x: Exchange<RequestContext>) => void {
  const all = recorder({ ...kept, access })
  if (config.log.access) return all
  const silent = recorder({ ...kept, access: null })
  return (x) => (x.context.direction === 'plain' ? all(x) : silent(x))
}
