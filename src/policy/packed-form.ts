import type { ModuleDescriptor, RoutingEntry } from '../folio/descriptor.ts'

/**
 * A descriptor cut to what policy reads, as packed files have it. The hash of a set is made from this form
 * and from nothing else: a packed file must be readable by the next version of the sidecar, whatever that
 * keeps of a descriptor in memory.
 */
export function cutDescriptor({ id, provides, requires, optional, filters }: ModuleDescriptor) {
  const asked = (list: ModuleDescriptor['requires']) =>
    list.map((entry) => ({ id: entry.id, version: entry.version }))
  return {
    id: id.id,
    requires: asked(requires),
    optional: asked(optional),
    provides: provides.map((entry) => ({
      id: entry.id,
      version: entry.version,
      interfaceType: entry.type === 'unknown' ? 'unknown' : entry.type,
      handlers: entry.handlers.map(cutEntry),
    })),
    filters: filters.map(cutEntry),
  }
}

function cutEntry({ methods, pathPattern, path, rewritePath, phase, ...rest }: RoutingEntry) {
  const { delegateCORS, modulePermissions, redirectPath } = rest
  return {
    methods,
    pathPattern,
    path,
    rewritePath,
    phase,
    ...(redirectPath === undefined ? {} : { type: 'redirect', redirectPath }),
    ...(delegateCORS ? { delegateCORS } : {}),
    ...(modulePermissions.length > 0 ? { modulePermissions } : {}),
  }
}
