import { SUPERTENANT } from '../folio/tenant.ts'
import { toOne } from '../proxy/destination.ts'
import { ACTION, AT_OKAPI } from '../proxy/header-tables.ts'
import type { ListenerRules } from '../proxy/request-context.ts'
import { accepting, besideOkapi, describeForward, type ListenerDefinition } from './listener.ts'

/** From the sidecars of modules, operators and clients. */
export const OKAPI_RULES = {
  direction: 'ingress',
  request: {
    actions: AT_OKAPI,
    tokenCookies: ACTION.refuse,
    userId: ACTION.refuse,
    appendsAddress: false,
  },
  judgesTenant: true,
  impliedTenant: SUPERTENANT,
  okapiUrl: 'untouched',
  answerer: 'okapi',
  tokens: 'judged',
  trueCaller: 'handed',
} as const satisfies ListenerRules

/** Mutual TLS, to Okapi beside us. */
export const okapi: ListenerDefinition = {
  direction: 'ingress',
  section: 'ingress',
  configured: (config) => config.ingress !== undefined && besideOkapi(config),
  describe: ({ ingress }) => describeForward(ingress!),
  async open(parts) {
    const { config, policies, module, sockets } = parts
    const { listen, forward } = config.ingress!
    const upstream = module!
    const accepted = accepting(parts, {
      rules: () => OKAPI_RULES,
      destination: toOne({ policies, at: 'okapi', upstream, authority: forward.authority }),
      at: 'okapi',
      upstream,
      share: () => 'proven',
    })
    return sockets.mutual(listen, accepted)
  },
}
