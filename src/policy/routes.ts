import {
  type InterfaceDescriptor,
  isSystemInterface,
  methodMask,
  type RoutingEntry,
} from '../folio/descriptor.ts'
import {
  legacyPath,
  literalPath,
  type PathPattern,
  parsePathPattern,
  withPrefix,
} from '../folio/path-pattern.ts'
import { meansAdministration } from './administration.ts'
import type { DescriptorSet, InstalledModule } from './descriptors.ts'
import { NO_HIT, type Routed, RouteTable } from './route-table.ts'

/** A routing entry of an installed module, ready to be matched. */
export interface Route extends Routed {
  readonly module: InstalledModule
  /** Null for a filter. */
  readonly interface: InterfaceDescriptor | null
  readonly kind: 'handler' | 'system' | 'filter'
  readonly methods: readonly string[]
  /** Pointer into the module's descriptor. */
  readonly pointer: string
  /** A redirect, only in Okapi's lookup: it stands for another path and opens nothing. */
  readonly redirectPath?: string
  /** Of a filter: `auth`, `pre` or `post`. */
  readonly phase?: string
  /** What Okapi prepends to the path of a request for this route; the pattern begins with it. */
  readonly rewritePath?: string
}

/** What Okapi's lookup can find: one table for all, and one for each provider of `multiple`. */
export interface OkapiRoutes {
  readonly proxy: RouteTable<Route>
  readonly multiple: ReadonlyMap<string, RouteTable<Route>>
  /** The redirects that may match a request for Okapi's own administration. */
  readonly redirects: RouteTable<Route>
  /** What is declared, and not found without X-Okapi-Module-Id: `multiple` and system routes of all modules. */
  readonly apart: RouteTable<Route>
  /** The system routes of all modules, as Okapi itself calls them. */
  readonly system: RouteTable<Route>
}

/**
 * The answer to a request at Okapi that matches no route. 404, as Okapi itself answers, if no
 * module declares the path at all, for any method and in any kind of route: modules continue after
 * a 404 and not after a 403 (docs/decisions/0006-not-found.md). Filters do not count, because they
 * match everything.
 */
export function statusOfUndeclared(
  { proxy, apart }: OkapiRoutes,
  bytes: Uint8Array,
  start: number,
  end: number,
): 403 | 404 {
  const found = [proxy, apart].some((table) => table.find(bytes, start, end, -1) !== NO_HIT)
  return found ? 403 : 404
}

/**
 * The routes that Okapi offers to callers (okapi-core ModuleDescriptor.getProxyRoutingEntries and
 * getMultiRoutingEntries). X-Okapi-Module-Id selects a `multiple` table, without it the other one
 * is used.
 */
export function okapiRoutes({ modules }: DescriptorSet): OkapiRoutes {
  const filters = [...modules.values()].flatMap(redirectFilters)
  const proxy: Route[] = [...filters]
  const multiple = new Map<string, RouteTable<Route>>()
  const apart: Route[] = []
  const system = [...modules.values()].flatMap(routesOf).filter(({ kind }) => kind === 'system')
  for (const [id, module] of modules) {
    const multi: Route[] = []
    for (const provided of module.descriptor.provides) {
      const into =
        provided.type === 'multiple'
          ? multi
          : provided.type === 'proxy' || provided.type === 'internal'
            ? proxy
            : undefined
      for (const entry of provided.handlers) {
        into?.push(...route(module, provided, entry, requestPattern(entry), entry.methods))
      }
    }
    apart.push(...multi)
    // Okapi calls every matching filter, not only those of the longest bucket.
    const buckets = filters.length === 0
    if (multi.length > 0) multiple.set(id, new RouteTable([...filters, ...multi], { buckets }))
  }
  const redirects = proxy.filter(
    ({ redirectPath, interface: provided, pattern }) =>
      redirectPath !== undefined && (provided === null || meansAdministration(pattern)),
  )
  return {
    proxy: new RouteTable(proxy, { buckets: false }),
    multiple,
    redirects: new RouteTable(redirects, { buckets: false }),
    apart: new RouteTable([...apart, ...system], { buckets: false }),
    system: new RouteTable(system, { buckets: false }),
  }
}

/**
 * Filters that redirect to another path (okapi-core ModuleCache.resolveRedirect): Okapi requests
 * that in addition, with or without X-Okapi-Module-Id.
 */
function redirectFilters(module: InstalledModule): readonly Route[] {
  return module.descriptor.filters
    .filter(({ redirectPath }) => redirectPath !== undefined)
    .flatMap((filter) => route(module, null, filter, requestPattern(filter), filter.methods))
}

/**
 * The matching routes that may answer the request for some tenant, in Okapi's order. Okapi looks in
 * the longest bucket first, but only among the tenant's modules (okapi-core ModuleCache.lookup,
 * TenantManager.getModuleCache): so only a route of the same module is sure to hide another one.
 */
export function mayAnswer(matching: readonly Route[], bit: number): readonly Route[] {
  const routes = matching.filter(({ mask }) => (mask & bit) !== 0)
  if (routes.length < 2) return routes
  const longest = new Map<InstalledModule, number>()
  const isFilter = (one: Route) => one.interface === null
  for (const { module, pattern } of routes.filter((one) => !isFilter(one))) {
    longest.set(module, Math.max(longest.get(module) ?? 0, pattern.bucketBytes))
  }
  return routes
    .filter((one) => isFilter(one) || one.pattern.bucketBytes === longest.get(one.module))
    .sort((a, b) => b.pattern.bucketBytes - a.pattern.bucketBytes)
}

/** What Okapi may call at one module, ready to be matched. */
export function moduleRoutes(module: InstalledModule): RouteTable<Route> {
  return new RouteTable(routesOf(module), { buckets: false })
}

/**
 * What Okapi may call at one module: ordinary and `multiple` routes, filters, and the system
 * interfaces that only Okapi itself calls.
 */
export function routesOf(module: InstalledModule): readonly Route[] {
  const routes: Route[] = []
  for (const provided of module.descriptor.provides) {
    if (provided.type === 'unknown') continue
    if (isSystemInterface(provided)) routes.push(...systemRoutes(module, provided))
    else routes.push(...served(provided).flatMap((entry) => ordinary(module, provided, entry)))
  }
  for (const filter of module.descriptor.filters) {
    if (filter.redirectPath !== undefined) continue
    const pattern = rewritten(filter, requestPattern(filter))
    routes.push(...route(module, null, filter, pattern, filter.methods))
  }
  return routes
}

/** Okapi never calls a module for its redirects. */
function served({ handlers }: InterfaceDescriptor): readonly RoutingEntry[] {
  return handlers.filter(({ redirectPath }) => redirectPath === undefined)
}

function ordinary(module: InstalledModule, provided: InterfaceDescriptor, entry: RoutingEntry) {
  // Okapi forwards the preflight of such a route to the module (okapi-core CorsHelper).
  const methods =
    entry.delegateCORS && entry.methods !== undefined
      ? [...entry.methods, 'OPTIONS']
      : entry.methods
  return route(module, provided, entry, rewritten(entry, requestPattern(entry)), methods)
}

function systemRoutes(module: InstalledModule, provided: InterfaceDescriptor): Route[] {
  const routes = served(provided).flatMap((entry) => {
    // RoutingEntry.getStaticPath: a system call uses `path` if there is one.
    const pattern = entry.path === undefined ? requestPattern(entry) : literalPath(entry.path)
    // TimerManager: a timer without methods is a POST.
    const timer = provided.id === '_timer' && (entry.methods ?? []).length === 0
    const methods = timer ? ['POST'] : entry.methods
    return route(module, provided, entry, rewritten(entry, pattern), methods)
  })
  const init = routes.some(({ methods }) => methods.includes('POST') || methods.includes('*'))
  if (provided.id !== '_tenant' || provided.version !== '1.0' || init) return routes
  // TenantManager.getTenantInstanceForModule: the oldest form names no route and is called anyway.
  const methods = ['POST']
  return [
    ...routes,
    {
      module,
      interface: provided,
      kind: 'system',
      methods,
      mask: methodMask(methods),
      pattern: literalPath('/_/tenant'),
      pointer: provided.pointer,
    },
  ]
}

/** None if no methods are named: Okapi matches no request against such an entry. */
function route(
  module: InstalledModule,
  provided: InterfaceDescriptor | null,
  { pointer, redirectPath, phase, rewritePath }: RoutingEntry,
  pattern: PathPattern,
  methods: readonly string[] | undefined,
): Route[] {
  if (methods === undefined) return []
  const kind = provided === null ? 'filter' : isSystemInterface(provided) ? 'system' : 'handler'
  const mask = methodMask(methods)
  const made: Route = { module, interface: provided, kind, methods, mask, pattern, pointer }
  const redirected = redirectPath === undefined ? {} : { redirectPath }
  const filtering = provided !== null || phase === undefined ? {} : { phase }
  return [{ ...made, ...redirected, ...filtering, ...(rewritePath ? { rewritePath } : {}) }]
}

/** What a request must match: the pathPattern, or else the legacy prefix. */
function requestPattern({ pathPattern, path, pointer }: RoutingEntry): PathPattern {
  const pattern = pathPattern === undefined ? legacyPath(path!) : parsePathPattern(pathPattern)
  if (typeof pattern === 'string') throw new Error(`${pointer} was validated before: ${pattern}`)
  return pattern
}

function rewritten({ rewritePath }: RoutingEntry, pattern: PathPattern): PathPattern {
  return rewritePath ? withPrefix(rewritePath, pattern) : pattern
}
