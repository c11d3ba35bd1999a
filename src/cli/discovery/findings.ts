import type { PortRange } from '../../config/addresses.ts'
import { type Instance, KUBERNETES_PREFIX, targetOf, type WantedInstance } from './instances.ts'

/** The state of a module in Okapi's discovery. */
export type DiscoveryState =
  | 'in-place'
  | 'missing'
  | 'past-the-sidecar'
  | 'names-another-module'
  | 'shares-a-port'

/** A module that should be in Okapi's discovery, and its present entries. */
export interface Standing extends WantedInstance {
  readonly state: DiscoveryState
  /** Okapi's entries for it, in Okapi's order. */
  readonly actual: readonly Instance[]
}

/** A difference from the expected state. */
export interface DiscoveryFinding {
  readonly kind: Exclude<DiscoveryState, 'in-place'> | 'not-installed' | 'kubernetes'
  readonly srvcId: string
  /** Null if it is about a missing entry. */
  readonly instId: string | null
  readonly because: string
}

/** Compares Okapi's entries with the expected ones. */
export function compare(
  wanted: readonly WantedInstance[],
  actual: readonly Instance[],
  range: PortRange,
): { readonly modules: readonly Standing[]; readonly findings: readonly DiscoveryFinding[] } {
  const known = new Set(wanted.map(({ srvcId }) => srvcId))
  const of = (id: string) => actual.filter(({ srvcId }) => srvcId === id)
  const sharing = sharedPorts(actual, range)
  const modules = wanted.map((each) => {
    const instances = of(each.srvcId)
    const found = instances.flatMap((instance) => findingsOf(instance, range, sharing))
    const state: DiscoveryState = instances.length === 0 ? 'missing' : (worst(found) ?? 'in-place')
    return { module: { ...each, state, actual: instances }, found }
  })
  return {
    modules: modules.map(({ module }) => module),
    findings: [
      ...modules.flatMap(({ module, found }) =>
        module.state === 'missing' ? [missing(module)] : found,
      ),
      ...actual.filter(({ srvcId }) => !known.has(srvcId)).map(stranger),
      ...actual.filter(({ instId }) => instId.startsWith(KUBERNETES_PREFIX)).map(kubernetes),
    ],
  }
}

function findingsOf(
  { srvcId, instId, url }: Instance,
  range: PortRange,
  sharing: ReadonlyMap<number, ReadonlySet<string>>,
): DiscoveryFinding[] {
  const way = targetOf(url, range)
  if (way.to === 'elsewhere') {
    const because = `Okapi calls ${srvcId} at ${url}, past its sidecar`
    return [{ kind: 'past-the-sidecar', srvcId, instId, because }]
  }
  if (way.id !== srvcId) {
    const because = `Okapi calls ${srvcId} by an address that leads to ${way.id}: ${url}`
    return [{ kind: 'names-another-module', srvcId, instId, because }]
  }
  const others = [...(sharing.get(way.port) ?? [])].filter((id) => id !== srvcId)
  if (others.length === 0) return []
  const because = `${srvcId} shares port ${way.port} with ${others.join(', ')}: when one is slow, all wait`
  return [{ kind: 'shares-a-port', srvcId, instId, because }]
}

const GRAVEST = ['names-another-module', 'past-the-sidecar', 'shares-a-port'] as const

function worst(findings: readonly DiscoveryFinding[]): DiscoveryState | undefined {
  return GRAVEST.find((state) => findings.some(({ kind }) => kind === state))
}

/** Okapi pools connections per host and port. */
function sharedPorts(
  actual: readonly Instance[],
  range: PortRange,
): ReadonlyMap<number, ReadonlySet<string>> {
  const ports = new Map<number, Set<string>>()
  for (const { srvcId, url } of actual) {
    const way = targetOf(url, range)
    if (way.to === 'elsewhere') continue
    ports.set(way.port, (ports.get(way.port) ?? new Set()).add(srvcId))
  }
  return ports
}

function missing({ srvcId }: WantedInstance): DiscoveryFinding {
  const because = `Okapi has no instance of ${srvcId}`
  return { kind: 'missing', srvcId, instId: null, because }
}

function stranger({ srvcId, instId, url }: Instance): DiscoveryFinding {
  const because = `${srvcId} (${url}) is not in the installed set`
  return { kind: 'not-installed', srvcId, instId, because }
}

function kubernetes({ srvcId, instId }: Instance): DiscoveryFinding {
  const because = `${instId} was found by Okapi's own Kubernetes discovery: take kube_server and kube_config out of Okapi's settings`
  return { kind: 'kubernetes', srvcId, instId, because }
}
