import type { InterfaceDescriptor } from '../folio/descriptor.ts'
import { type ModuleId, parseModuleId } from '../folio/module-id.ts'
import type { Sensitivity } from './decision.ts'
import type { DescriptorSet, InstalledModule } from './descriptors.ts'
import type { Grant } from './grants.ts'
import type { PathException } from './path-exceptions.ts'
import { isQuarantined, type Quarantine } from './quarantine.ts'
import type { OkapiRoutes, Route } from './routes.ts'

/** Everything that was compiled; what both doors decide by. */
export interface World {
  readonly set: DescriptorSet
  readonly routes: OkapiRoutes
  readonly grants: readonly Grant[]
  readonly quarantine: readonly Quarantine[]
  readonly pathExceptions: readonly PathException[]
  readonly sensitivity: ReadonlyMap<string, Sensitivity>
  readonly mode: 'enforce' | 'report'
  /** Interfaces in report mode while the rest is enforced. */
  readonly reported: ReadonlySet<string>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The next moment after `ms` at which a grant ends or a quarantine begins. */
export function nextChange({ grants, quarantine }: World, ms: number): number {
  let next = Number.POSITIVE_INFINITY
  for (const { untilMs } of grants) if (untilMs > ms && untilMs < next) next = untilMs
  for (const { afterMs } of quarantine) if (afterMs > ms && afterMs < next) next = afterMs
  return next
}

/** The quarantine that holds this module now; an id that cannot be read is not held. */
export function quarantineOf(world: World, id: string, ms: number): Quarantine | undefined {
  if (world.quarantine.length === 0) return undefined
  const module: ModuleId | undefined = parseModuleId(id)
  if (module === undefined) return undefined
  return world.quarantine.find((entry) => entry.afterMs <= ms && isQuarantined(entry, module))
}

/** The full id of an installed module. */
export function idOf({ descriptor }: InstalledModule): string {
  return descriptor.id.id
}

/** How sensitive an interface is; regular unless told. */
export function sensitivityOf(world: World, provided: InterfaceDescriptor | null): Sensitivity {
  return (provided && world.sensitivity.get(provided.id)) ?? 'regular'
}

/** The highest of several routes. */
export function highestSensitivity(world: World, routes: readonly Route[]): Sensitivity {
  const all = routes.map((route) => sensitivityOf(world, route.interface))
  return all.includes('high') ? 'high' : all.includes('low') ? 'low' : 'regular'
}
