import type { Forward, Listen, PortRange } from './addresses.ts'
import type { Config } from './config.ts'
import type { Flaw } from './issues.ts'

/** What one listener binds. */
interface Bound {
  readonly path: readonly string[]
  readonly host: string
  readonly from: number
  readonly to: number
}

/**
 * Two listeners with one address, of which only one could be bound, and a forward address that
 * leads back to a listener.
 */
export function clashes(config: Config): Flaw[] {
  const all = boundBy(config)
  const twice = all.flatMap((later, index) => {
    const first = all.slice(0, index).find((each) => overlap(each, later))
    if (first === undefined) return []
    const message = `\`${later.path.join('.')}\` and \`${first.path.join('.')}\` would listen on the same port (${Math.max(first.from, later.from)})`
    return [{ path: later.path, message, hint: 'give each listener a port of its own' }]
  })
  return [...twice, ...cameBack(config.ingress?.forward, all)]
}

function cameBack(forward: Forward | undefined, all: readonly Bound[]): Flaw[] {
  if (forward === undefined || 'path' in forward) return []
  const path = ['ingress', 'forward']
  const target = { path, host: hostOf(forward.host), from: forward.port, to: forward.port }
  const back = all.find((each) => overlap(each, target))
  if (back === undefined) return []
  const message = `\`ingress.forward\` leads back to this sidecar: \`${back.path.join('.')}\` listens there`
  return [{ path, message, hint: 'name the port of the module, or move the listener' }]
}

/** Every section with a `listen` is a listener, or a list of them. */
function boundBy(config: Config): readonly Bound[] {
  const brokers =
    config.kafka === undefined ? [] : bound(['kafka', 'brokers'], config.kafka.brokers)
  const sections = Object.entries(config).flatMap(([key, section]) => {
    const path = [...(key === 'modules' ? ['egress'] : []), key, 'listen']
    return [section].flat().flatMap((each) => (listens(each) ? bound(path, each.listen) : []))
  })
  return [...sections, ...brokers]
}

function listens(section: unknown): section is { readonly listen: Listen | PortRange } {
  return typeof section === 'object' && section !== null && 'listen' in section
}

function bound(path: readonly string[], listen: Listen | PortRange): Bound[] {
  if ('path' in listen) return []
  const { from, to } = 'from' in listen ? listen : { from: listen.port, to: listen.port }
  return to === 0 ? [] : [{ path, host: hostOf(listen.host), from, to }]
}

function hostOf(host: string): string {
  return /^localhost\.?$/i.test(host) ? '127.0.0.1' : host.toLowerCase()
}

/** `0.0.0.0` has every address of IPv4, `::` every address. */
function overlap(one: Bound, other: Bound): boolean {
  if (one.to < other.from || other.to < one.from) return false
  if (one.host === other.host) return true
  const hosts = [one.host, other.host]
  if (hosts.includes('::')) return true
  return hosts.includes('0.0.0.0') && !hosts.some((host) => host.includes(':'))
}
