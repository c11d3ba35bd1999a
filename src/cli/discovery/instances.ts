import { formatListen, isLoopback, type PortRange } from '../../config/addresses.ts'
import { isOkapi } from '../../folio/module-id.ts'
import type { DescriptorSet } from '../../policy/descriptors.ts'

/** What Okapi knows of one running instance (its DeploymentDescriptor, as far as it matters). */
export interface Instance {
  readonly srvcId: string
  readonly instId: string
  readonly url: string
  /** Okapi's own node that started it: then its removal ends the process. */
  readonly nodeId: string | null
}

/** What Okapi should know of a module. */
export interface WantedInstance {
  readonly srvcId: string
  readonly instId: string
  readonly url: string
}

/** What KubernetesManager of Okapi calls the instances that it finds by itself. */
export const KUBERNETES_PREFIX = 'kube_'

/**
 * What to register for a module. The instance has a name of its own, so that it can stand beside one
 * that leads past the sidecar until that is taken out.
 */
export function wantedFor(id: string, host: string, port: number): WantedInstance {
  const url = `http://${formatListen({ host, port })}/${id}`
  return { srvcId: id, instId: `sidecar_${id}`, url }
}

/** Where an instance leads, as Okapi would call it. */
export type InstanceTarget =
  | { readonly to: 'sidecar'; readonly port: number; readonly id: string }
  | { readonly to: 'elsewhere' }

const URL_OF_SIDECAR = /^http:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^/?#@:[\]]+)):(\d{1,5})\/([^/?#]+)$/

/**
 * Reads a discovery URL byte for byte: Okapi appends the raw target to it, so that a trailing slash,
 * a query or a user name make it another one.
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
