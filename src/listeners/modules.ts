import type { PortRange } from '../config/addresses.ts'
import { byModule } from '../proxy/destination.ts'
import { ACTION, FROM_OKAPI } from '../proxy/header-tables.ts'
import type { ListenerRules } from '../proxy/request-context.ts'
import { accepting, type ListenerDefinition, selfOf } from './listener.ts'

/** From Okapi itself; the first path segment names the module. */
export const MODULES_RULES = {
  direction: 'modules',
  request: {
    actions: FROM_OKAPI,
    tokenCookies: ACTION.pass,
    userId: ACTION.pass,
    appendsAddress: false,
  },
  judgesTenant: false,
  impliedTenant: '',
  okapiUrl: 'untouched',
  answerer: 'callee',
  tokens: 'remembered',
  trueCaller: 'found',
} as const satisfies ListenerRules

/** Plain, from Okapi to the sidecars of modules, one port for each: Okapi pools connections by port. */
export const modules: ListenerDefinition = {
  direction: 'modules',
  section: 'modules',
  configured: (config) => config.modules !== undefined,
  describe({ modules: settings }) {
    const { host, from, to } = settings!.listen
    const ports = from === to ? `${from}` : `${from}-${to}`
    const address = Object.values(settings!.address).flat()
    const shown = address.length === 1 ? address[0]! : `${address.length} addresses`
    return `${host}:${ports} -> ${shown}`
  },
  async open(parts) {
    const { config, policies, callee, sockets } = parts
    const caller = selfOf(config)
    const accepted = accepting(parts, {
      rules: () => MODULES_RULES,
      destination: byModule({ policies, caller, calleeOf: callee }),
      at: 'okapi',
      share: () => 'own',
    })
    const bound: string[] = []
    for (const address of addressesOf(config.modules!.listen)) {
      bound.push(await sockets.plain(address, caller, accepted))
    }
    const [first = '', last = first] = [bound[0], bound.at(-1)]
    return first === last ? first : `${first}-${last.slice(last.lastIndexOf(':') + 1)}`
  },
}

function addressesOf({ host, from, to }: PortRange) {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ host, port: from + i }))
}
