import type { InterfaceDescriptor } from '../folio/descriptor.ts'
import { type ModuleId, parseModuleId } from '../folio/module-id.ts'
import type { Consortia } from './consortia.ts'
import type { LineMode, Sensitivity } from './decision.ts'
import type { DescriptorSet } from './descriptors.ts'
import type { Grant } from './grants.ts'
import type { PathException } from './path-exceptions.ts'
import { isQuarantined, type Quarantine } from './quarantine.ts'
import type { OkapiRoutes, Route } from './routes.ts'
import type { TenantRule, WithoutToken } from './tenant-rules.ts'

/** The compiled data that every authorizer uses. */
export interface PolicyModel {
  readonly set: DescriptorSet
  readonly routes: OkapiRoutes
  readonly grants: readonly Grant[]
  readonly quarantine: readonly Quarantine[]
  readonly pathExceptions: readonly PathException[]
  readonly sensitivity: ReadonlyMap<string, Sensitivity>
  readonly mode: 'enforce' | 'report'
  readonly tenants: TenantRules
  /** Interfaces in report mode while the rest is enforced. */
  readonly reported: ReadonlySet<string>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** For which tenants callers may act, and with tokens of which. */
export interface TenantRules {
  readonly mode: LineMode
  readonly of: readonly TenantRule[]
  readonly withoutToken: WithoutToken
  readonly consortia: Consortia
}

/** The next moment after `ms` at which a grant ends or a quarantine begins. */
export function nextChange({ grants, quarantine }: PolicyModel, ms: number): number {
  let next = Number.POSITIVE_INFINITY
  for (const { untilMs } of grants) if (untilMs > ms && untilMs < next) next = untilMs
  for (const { afterMs } of quarantine) if (afterMs > ms && afterMs < next) next = afterMs
  return next
}

/** The quarantine that applies to this module now; none for an id that cannot be parsed. */
export function quarantineOf(model: PolicyModel, id: string, ms: number): Quarantine | undefined {
  if (model.quarantine.length === 0) return undefined
  const module: ModuleId | undefined = parseModuleId(id)
  if (module === undefined) return undefined
  return model.quarantine.find((entry) => entry.afterMs <= ms && isQuarantined(entry, module))
}

/** How sensitive an interface is; regular unless told. */
export function sensitivityOf(
  model: PolicyModel,
  provided: InterfaceDescriptor | null,
): Sensitivity {
  return (provided && model.sensitivity.get(provided.id)) ?? 'regular'
}

/** The highest of several routes. */
export function highestSensitivity(model: PolicyModel, routes: readonly Route[]): Sensitivity {
  const all = routes.map((route) => sensitivityOf(model, route.interface))
  return all.includes('high') ? 'high' : all.includes('low') ? 'low' : 'regular'
}
