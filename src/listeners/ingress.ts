import { type Caller, speaksAsOkapi } from '../policy/caller.ts'
import { toOne } from '../proxy/destination.ts'
import { ACTION, DIRECTLY, FROM_OKAPI } from '../proxy/header-tables.ts'
import type { ListenerRules } from '../proxy/request-context.ts'
import { accepting, besideOkapi, describeForward, type ListenerDefinition } from './listener.ts'

/** From Okapi's sidecar: only Okapi may speak as Okapi. */
export const FROM_OKAPI_RULES = {
  direction: 'ingress',
  request: {
    actions: FROM_OKAPI,
    tokenCookies: 'readers',
    userId: ACTION.pass,
    appendsAddress: false,
  },
  judgesTenant: false,
  impliedTenant: '',
  okapiUrl: 'rewritten',
  answerer: 'module',
  tokens: 'remembered',
  trueCaller: 'told',
} as const satisfies ListenerRules

/** From a caller that is not Okapi and has a grant. */
export const DIRECT_RULES = {
  direction: 'ingress',
  request: {
    actions: DIRECTLY,
    tokenCookies: ACTION.refuse,
    userId: ACTION.refuse,
    appendsAddress: false,
  },
  judgesTenant: true,
  impliedTenant: '',
  okapiUrl: 'replaced',
  answerer: 'module',
  tokens: 'ignored',
  trueCaller: 'itself',
} as const satisfies ListenerRules

/** What a caller may send to a module depends on its proven identity, not on the listener. */
function rulesAtModule(caller: Caller): ListenerRules {
  return speaksAsOkapi(caller) ? FROM_OKAPI_RULES : DIRECT_RULES
}

/** Mutual TLS, to the module beside us. */
export const ingress: ListenerDefinition = {
  direction: 'ingress',
  section: 'ingress',
  configured: (config) => config.ingress !== undefined && !besideOkapi(config),
  describe: ({ ingress: settings }) => describeForward(settings!),
  async open(parts) {
    const { config, policies, module, sockets } = parts
    const { listen, forward } = config.ingress!
    const at = config.module.id
    const upstream = module!
    const accepted = accepting(parts, {
      rules: rulesAtModule,
      destination: toOne({ policies, at, upstream, authority: forward.authority }),
      at,
      upstream,
      // Okapi calls for all callers, so its share is not that of a single caller.
      share: (caller) => (speaksAsOkapi(caller) ? 'okapi' : 'proven'),
    })
    return sockets.mutual(listen, accepted)
  },
}
