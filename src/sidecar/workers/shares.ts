import type { Listen, PortRange } from '../../config/addresses.ts'
import type { Config, Limits } from '../../config/config.ts'
import type { BoundAddresses } from '../listeners.ts'

/** What is meant for the whole process; every other limit is of one exchange or one connection. */
const DIVIDED = [
  'connections',
  'pendingConnections',
  'connectionsPerPeer',
  'handshakesPerSecond',
  'exchanges',
  'exchangesToModule',
  'exchangesPerCallee',
  'brokenOffPerSecond',
  'bufferedBytes',
] as const

/** The limits of one thread of so many: together they allow no less than all. */
export function limitsOfOne(limits: Limits, threads: number): Limits {
  const shares = DIVIDED.map((key) => [key, Math.ceil(limits[key] / threads)])
  return { ...limits, ...Object.fromEntries(shares) }
}

/** The same configuration, where the system has chosen ports with the ports that it chose. */
export function withPorts(config: Config, bound: BoundAddresses): Config {
  const { ingress, egress, modules, public: browsers, migration } = config
  return {
    ...config,
    ingress: ingress && { ...ingress, listen: fixed(ingress.listen, bound.ingress) },
    egress: egress && { ...egress, listen: fixed(egress.listen, bound.egress) },
    modules: modules && { ...modules, listen: fixedRange(modules.listen, bound.modules) },
    public: browsers && { ...browsers, listen: fixed(browsers.listen, bound.public) },
    migration: migration && { ...migration, listen: fixed(migration.listen, bound.plain) },
  }
}

function fixed(listen: Listen, bound: string | undefined): Listen {
  if ('path' in listen || bound === undefined) return listen
  return { ...listen, port: portOf(bound) }
}

function fixedRange(range: PortRange, bound: string | undefined): PortRange {
  if (range.from !== 0 || bound === undefined) return range
  const port = portOf(bound)
  return { ...range, from: port, to: port }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
