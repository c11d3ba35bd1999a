import { formatListen } from '../config/addresses.ts'
import { SUPERTENANT } from '../folio/tenant.ts'
import { toOne } from '../proxy/destination.ts'
import { ACTION, FROM_MODULE } from '../proxy/header-tables.ts'
import type { ListenerRules } from '../proxy/request-context.ts'
import { accepting, type ListenerDefinition, selfOf } from './listener.ts'

/** From the module: RMB and folio-spring echo what they received. */
export const EGRESS_RULES = {
  direction: 'egress',
  request: {
    actions: FROM_MODULE,
    tokenCookies: ACTION.drop,
    userId: ACTION.drop,
    appendsAddress: false,
  },
  judgesTenant: true,
  impliedTenant: SUPERTENANT,
  okapiUrl: 'untouched',
  answerer: 'okapi',
  tokens: 'judged',
  trueCaller: 'itself',
} as const satisfies ListenerRules

/** Plain, from the module to Okapi's sidecar: what OKAPI_URL points at. */
export const egress: ListenerDefinition = {
  direction: 'egress',
  section: 'egress',
  configured: (config) => config.egress !== undefined,
  describe({ egress }) {
    const { listen, gateway, gatewayModule: pin } = egress!
    const proven = pin.kind === 'module' ? pin.id : `any ${pin.product}`
    return `${formatListen(listen)} -> https://${gateway.authority} (${proven})`
  },
  async open(parts) {
    const { config, policies, gateway, okapiUrl, sockets } = parts
    const { listen, gateway: address, url } = config.egress!
    const upstream = gateway()
    const place = { policies, at: 'okapi', upstream, authority: address.authority }
    const accepted = accepting(parts, {
      rules: () => EGRESS_RULES,
      destination: toOne(okapiUrl === undefined ? place : { ...place, okapiUrl }),
      at: 'okapi',
      upstream,
      share: () => 'own',
    })
    const self = selfOf(config)
    const bound = await sockets.plain(listen, self, accepted)
    await sockets.otherLoopback(bound, self, accepted)
    if (url === undefined) {
      okapiUrl?.movedTo(`http://localhost:${bound.slice(bound.lastIndexOf(':') + 1)}`)
    }
    return bound
  },
}
