import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The part of a ModuleDescriptor that Okapi's proxy uses. */
export interface Descriptor {
  readonly id: string
  readonly requires?: readonly { readonly id: string }[]
  readonly provides?: readonly Interface[]
  readonly filters?: readonly Entry[]
}

interface Interface {
  readonly id: string
  readonly version: string
  readonly interfaceType?: string
  readonly handlers?: readonly Entry[]
}

/** A RoutingEntry. */
export interface Entry {
  readonly methods?: readonly string[]
  readonly pathPattern: string
  readonly phase?: string
  readonly type?: string
  readonly permissionsRequired?: readonly string[]
  readonly permissionsDesired?: readonly string[]
  readonly modulePermissions?: readonly string[]
}

/** One step of a pipeline. */
export interface Step {
  readonly module: string
  readonly entry: Entry
}

/** Every `*.json` of a folder. */
export function readDescriptors(folder: string): Descriptor[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

/** RoutingEntry.fastMatch: raw, undecoded, cut at the first `?` or `#`; `{id}` matches up to `/`. */
function matches({ methods, pathPattern }: Entry, method: string, target: string): boolean {
  if (methods?.some((name) => name === '*' || name === method) !== true) return false
  const path = target.split(/[?#]/, 1)[0] ?? ''
  const source = pathPattern
    .split(/(\{[^}]*\}|\*)/)
    .map((part) => (part === '*' ? '.*' : part.startsWith('{') ? '[^/]+' : literal(part)))
    .join('')
  return new RegExp(`^${source}$`, 's').test(path)
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

const PHASES: Readonly<Record<string, number>> = { auth: 10, pre: 40, post: 60 }
const HANDLER = 50

/** ModuleCache.lookup: all filters that match, and the first handler, in the order of phases. */
export function lookup(
  modules: readonly Descriptor[],
  method: string,
  target: string,
  moduleId: string | undefined,
): Step[] {
  const filters = modules.flatMap(({ id, filters = [] }) =>
    filters
      .filter((entry) => matches(entry, method, target))
      .map((entry) => ({ module: id, entry, level: PHASES[entry.phase ?? ''] ?? HANDLER })),
  )
  const handler = modules
    .filter(({ id }) => moduleId === undefined || id === moduleId)
    .flatMap(({ id, provides = [] }) =>
      provides
        .filter(({ interfaceType }) => routable(interfaceType, moduleId !== undefined))
        .flatMap(({ handlers = [] }) =>
          handlers.map((entry) => ({ module: id, entry, level: HANDLER })),
        ),
    )
    .find(({ entry }) => matches(entry, method, target))
  if (handler === undefined) return []
  return [...filters, handler].sort((a, b) => a.level - b.level)
}

function routable(type: string | undefined, named: boolean): boolean {
  return named ? type === 'multiple' : type === undefined || type === 'proxy'
}

/** The path of a system interface's POST handler, to which Okapi sends `_tenant` calls. */
export function tenantPath({ provides = [] }: Descriptor): string | undefined {
  const handlers = provides.find(({ id }) => id === '_tenant')?.handlers ?? []
  return handlers.find(({ methods }) => methods?.includes('POST') === true)?.pathPattern
}

/** POST /_/discovery/modules: where an instance of a module answers. */
export interface Deployment {
  readonly srvcId: string
  readonly instId: string
  readonly url: string
}

/** Okapi's state; the real Okapi keeps it in PostgreSQL. */
export interface OkapiState {
  /** The value of X-Okapi-Url. */
  okapiUrl: string
  readonly modules: Descriptor[]
  readonly deployments: Deployment[]
  /** Module ids enabled for each tenant. */
  readonly tenants: Map<string, Set<string>>
}

/** The descriptors that are enabled for a tenant; undefined if there is no such tenant. */
export function enabledFor(state: OkapiState, tenant: string): Descriptor[] | undefined {
  const ids = state.tenants.get(tenant)
  return ids === undefined ? undefined : state.modules.filter(({ id }) => ids.has(id))
}

/** The discovery URL of an instance of a module. */
export function urlOf(state: OkapiState, module: string): string | undefined {
  return state.deployments.find(({ srvcId }) => srvcId === module)?.url
}
