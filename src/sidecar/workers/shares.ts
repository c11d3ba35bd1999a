import type { Listen, PortRange } from '../../config/addresses.ts'
import type { Config, Limits } from '../../config/config.ts'
import { LISTENERS } from '../../listeners/all.ts'
import type { BoundAddresses } from '../listeners.ts'

/** Limits of the whole process; all others are for one exchange or one connection. */
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

/** The limits of one of several threads: their sum is at least the limit of the process. */
export function limitsOfOne(limits: Limits, threads: number): Limits {
  const shares = DIVIDED.map((key) => [key, Math.ceil(limits[key] / threads)])
  const adaptive = { ...limits.adaptive, min: Math.ceil(limits.adaptive.min / threads) }
  return { ...limits, ...Object.fromEntries(shares), adaptive }
}

/** The same configuration, with the ports that the system has chosen. */
export function withPorts(config: Config, bound: BoundAddresses): Config {
  let fixed = config
  for (const { section, direction, configured } of LISTENERS) {
    const [settings, address] = [config[section], bound[direction]]
    if (!configured(config) || settings === undefined || address === undefined) continue
    const listen = withPort(settings.listen, portOf(address))
    fixed = { ...fixed, [section]: { ...settings, listen } }
  }
  return fixed
}

function withPort(listen: Listen | PortRange, port: number): Listen | PortRange {
  if ('path' in listen) return listen
  if ('port' in listen) return { ...listen, port }
  return listen.from === 0 ? { ...listen, from: port, to: port } : listen
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
