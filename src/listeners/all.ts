import type { Config } from '../config/config.ts'
import type { Direction } from '../observe/labels.ts'
import { egress } from './egress.ts'
import { ingress } from './ingress.ts'
import type { ListenerDefinition } from './listener.ts'
import { migration } from './migration.ts'
import { modules } from './modules.ts'
import { okapi } from './okapi.ts'
import { publicListener } from './public.ts'

/**
 * Every listener for HTTP, in the order in which they are opened. The egress comes first, because
 * Okapi's address for the module depends on where it is bound.
 */
export const LISTENERS: readonly ListenerDefinition[] = [
  egress,
  modules,
  ingress,
  okapi,
  migration,
  publicListener,
]

/** `in`: calls of others. `out`: calls of the module or of Okapi itself, which end after those. */
export type Way = 'in' | 'out'

/** The direction of a listener's calls. */
export const WAY: Readonly<Record<Direction, Way>> = {
  ingress: 'in',
  public: 'in',
  plain: 'in',
  egress: 'out',
  modules: 'out',
  postgres: 'out',
  kafka: 'out',
}

/** The listeners that the configuration has, as metrics label them. */
export function directionsOf(config: Config): Direction[] {
  const http = LISTENERS.filter((listener) => listener.configured(config)).map(
    ({ direction }) => direction,
  )
  const postgres: Direction[] = config.postgres.length === 0 ? [] : ['postgres']
  return [...http, ...postgres, ...(config.kafka === undefined ? [] : (['kafka'] as const))]
}
