import type { Descriptor } from './descriptor.ts'

/** POST /_/discovery/modules: where an instance of a module answers. */
export interface Deployment {
  readonly srvcId: string
  readonly instId: string
  readonly url: string
}

/** What Okapi knows; a real one keeps it in PostgreSQL. */
export interface OkapiState {
  /** What X-Okapi-Url says. */
  okapiUrl: string
  readonly modules: Descriptor[]
  readonly deployments: Deployment[]
  /** Module ids enabled for each tenant. */
  readonly tenants: Map<string, Set<string>>
}

/** The descriptors that are enabled for a tenant, or undefined where there is no such tenant. */
export function enabledFor(state: OkapiState, tenant: string): Descriptor[] | undefined {
  const ids = state.tenants.get(tenant)
  return ids === undefined ? undefined : state.modules.filter(({ id }) => ids.has(id))
}

/** The discovery URL of an instance of a module. */
export function urlOf(state: OkapiState, module: string): string | undefined {
  return state.deployments.find(({ srvcId }) => srvcId === module)?.url
}
