import { createHash } from 'node:crypto'
import { formatListen, isLoopback, type PortRange } from '../../config/addresses.ts'
import { fault } from '../../fault.ts'
import { isOkapi } from '../../folio/module-id.ts'
import type { DescriptorSet } from '../../policy/descriptors.ts'

/** One running instance in Okapi (the part of its DeploymentDescriptor that matters). */
export interface Instance {
  readonly srvcId: string
  readonly instId: string
  readonly url: string
  /** The Okapi node that started it, if one did: then removing it ends the process. */
  readonly nodeId: string | null
}

/** What Okapi should have for a module. */
export interface WantedInstance {
  readonly srvcId: string
  readonly instId: string
  readonly url: string
}

/** The prefix that Okapi's KubernetesManager gives to the ids of instances that it finds. */
export const KUBERNETES_PREFIX = 'kube_'

/**
 * What to register for a module. The instance has its own id, so that it can exist beside one that
 * leads past the sidecar until that one is removed.
 */
export function wantedFor(id: string, host: string, port: number): WantedInstance {
  const url = `http://${formatListen({ host, port })}/${id}`
  return { srvcId: id, instId: `sidecar_${id}`, url }
}

/** The destination of an instance, as Okapi would call it. */
export type InstanceTarget =
  | { readonly to: 'sidecar'; readonly port: number; readonly id: string }
  | { readonly to: 'elsewhere' }

const URL_OF_SIDECAR = /^http:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^/?#@:[\]]+)):(\d{1,5})\/([^/?#]+)$/

/**
 * Reads a discovery URL byte for byte: Okapi appends the raw target to it, so a trailing slash, a
 * query or a user name would change the destination.
 */
export function targetOf(url: string, { from, to }: PortRange): InstanceTarget {
  const [, v6, name, digits, id] = URL_OF_SIDECAR.exec(url) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host === undefined || id === undefined || !isLoopback({ host })) return { to: 'elsewhere' }
  return port >= from && port <= to ? { to: 'sidecar', port, id } : { to: 'elsewhere' }
}

/**
 * The ids, sorted, of the modules that Okapi calls: those with a route or a filter. The UI's and most edge
 * modules have neither, and Okapi itself is not deployed.
 */
export function deployable({ modules }: DescriptorSet): readonly string[] {
  const ids = [...modules].flatMap(([id, { descriptor }]) => {
    const routes = descriptor.provides.some(({ handlers }) => handlers.length > 0)
    const called = routes || descriptor.filters.length > 0
    return called && !isOkapi(id) ? [id] : []
  })
  return ids.sort()
}

/**
 * A port of the range for each module. It depends only on ids and range, and installing one more
 * module moves at most a few others: the hash of an id gives the preferred port; if that is used, the
 * module later in the order of ids gets the next free one. A port that Okapi already uses (`taken`)
 * stays. Throws a Fault when there are more modules than ports.
 */
export function assignPorts(
  ids: readonly string[],
  { from, to }: PortRange,
  taken: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, number> {
  const size = to - from + 1
  if (ids.length > size) {
    throw fault(`${ids.length} modules need as many ports, ${from} to ${to} are ${size}`, {
      hint: 'Okapi has one pool of connections for each port: widen egress.modules.listen',
    })
  }
  const ports = new Map<string, number>()
  const used = new Set<number>()
  const give = (id: string, port: number) => {
    ports.set(id, port)
    used.add(port)
  }
  const sorted = [...ids].sort()
  for (const id of sorted) {
    const port = taken.get(id)
    if (port !== undefined && port >= from && port <= to && !used.has(port)) give(id, port)
  }
  for (const id of sorted) {
    if (ports.has(id)) continue
    let slot = createHash('sha256').update(id).digest().readUInt32BE() % size
    while (used.has(from + slot)) slot = (slot + 1) % size
    give(id, from + slot)
  }
  return ports
}
