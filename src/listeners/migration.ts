import { formatListen } from '../config/addresses.ts'
import { SUPERTENANT } from '../folio/tenant.ts'
import { dateText } from '../observe/status/words.ts'
import { toOne } from '../proxy/destination.ts'
import { ACTION, FROM_UNPROVEN, FROM_UNPROVEN_TO_OKAPI } from '../proxy/header-tables.ts'
import type { ListenerRules } from '../proxy/request-context.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { accepting, besideOkapi, type ListenerDefinition } from './listener.ts'

/** To a module, while Okapi has no sidecar yet. */
export const TO_MODULE_RULES = {
  direction: 'plain',
  request: {
    actions: FROM_UNPROVEN,
    tokenCookies: ACTION.drop,
    userId: ACTION.drop,
    appendsAddress: false,
  },
  judgesTenant: true,
  impliedTenant: SUPERTENANT,
  okapiUrl: 'replaced',
  answerer: 'module',
  tokens: 'ignored',
  trueCaller: 'itself',
} as const satisfies ListenerRules

/** To Okapi, from modules that have no sidecar yet. */
export const TO_OKAPI_RULES = {
  direction: 'plain',
  request: {
    actions: FROM_UNPROVEN_TO_OKAPI,
    tokenCookies: ACTION.drop,
    userId: ACTION.drop,
    appendsAddress: false,
  },
  judgesTenant: true,
  impliedTenant: SUPERTENANT,
  okapiUrl: 'untouched',
  answerer: 'okapi',
  tokens: 'ignored',
  trueCaller: 'handed',
} as const satisfies ListenerRules

/** Plain, from listed addresses and until a date: the only exception to trust rule 1. */
export const migration: ListenerDefinition = {
  direction: 'plain',
  section: 'migration',
  configured: (config) => config.migration !== undefined && config.ingress !== undefined,
  describe({ migration: settings }) {
    const { listen, from, until } = settings!
    const callers = from.map(({ text }) => text).join(', ')
    const end = `${until <= Date.now() ? 'CLOSED since' : 'until'} ${dateText(until)}`
    return `${formatListen(listen)} for ${callers}, without proof of identity, ${end}`
  },
  async open(parts) {
    const { config, policies, module, sockets } = parts
    const { listen, until } = config.migration!
    const upstream = module!
    const { authority } = config.ingress!.forward
    const [at, rules] = besideOkapi(config)
      ? (['okapi', TO_OKAPI_RULES] as const)
      : ([config.module.id, TO_MODULE_RULES] as const)
    const inner = toOne({ policies, at, upstream, authority })
    const accepted = accepting(parts, {
      rules: () => rules,
      // The date applies to open connections too.
      destination: (context, head) => inner(context, head) ?? closedSince(until, Date.now()),
      at,
      upstream,
      share: () => 'unproven',
    })
    return sockets.listed(listen, accepted)
  },
}

/** Why the migration listener refuses every request; null as long as it is open. */
export function closedSince(until: number, nowMs: number): Refusal | null {
  if (nowMs < until) return null
  const at = new Date(until).toISOString()
  return refuse('caller-not-allowed', `the migration listener is closed since ${at}`, {
    wouldAllow: 'a sidecar of its own; or a later migration.until',
  })
}
