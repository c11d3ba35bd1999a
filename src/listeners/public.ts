import { formatListen } from '../config/addresses.ts'
import { SUPERTENANT } from '../folio/tenant.ts'
import { toOne } from '../proxy/destination.ts'
import { ACTION, FROM_PUBLIC } from '../proxy/header-tables.ts'
import type { ListenerRules } from '../proxy/request-context.ts'
import { accepting, type ListenerDefinition } from './listener.ts'

/** From browsers and load balancers, which prove no identity. */
export const PUBLIC_RULES = {
  direction: 'public',
  request: {
    actions: FROM_PUBLIC,
    tokenCookies: ACTION.pass,
    userId: ACTION.drop,
    appendsAddress: true,
  },
  judgesTenant: true,
  impliedTenant: SUPERTENANT,
  okapiUrl: 'untouched',
  answerer: 'okapi',
  tokens: 'judged',
  trueCaller: 'handed',
} as const satisfies ListenerRules

/** TLS without client certificates, to Okapi beside us. */
export const publicListener: ListenerDefinition = {
  direction: 'public',
  section: 'public',
  configured: (config) => config.public !== undefined,
  describe: (config) => formatListen(config.public!.listen),
  async open(parts) {
    const { config, policies, module, sockets } = parts
    const upstream = module!
    const { authority } = config.ingress!.forward
    const accepted = accepting(parts, {
      rules: () => PUBLIC_RULES,
      destination: toOne({ policies, at: 'okapi', upstream, authority }),
      at: 'okapi',
      upstream,
      share: () => 'unproven',
    })
    return sockets.public(config.public!.listen, accepted)
  },
}
