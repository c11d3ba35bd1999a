import type { AdminGroup } from '../folio/admin-groups.ts'
import type { InterfaceDescriptor } from '../folio/descriptor.ts'
import { isCompatible } from '../folio/interface-version.ts'
import { SUPERTENANT } from '../folio/tenant.ts'
import { meansAdministration } from './administration.ts'
import { type Caller, callerName } from './caller.ts'
import type { Rule } from './decision.ts'
import { idOf } from './descriptors.ts'
import { type Crosses, type Grant, isAt, isFor, isWide } from './grants.ts'
import type { PolicyModel } from './model.ts'
import { type Routed, RouteTable } from './route-table.ts'
import type { Route } from './routes.ts'
import { type TokenSources, tokenSourcesOf } from './token-sources.ts'

/** A reason why a caller may use an interface. */
export interface Entitlement {
  readonly rule: Rule
  /** The versions asked for; null where any will do. */
  readonly version: string | null
  /** Behind an entitlement by grant. */
  readonly grant: Grant | null
}

interface GrantedRoute extends Routed {
  readonly grant: Grant
}

/** What a caller may do at one ingress, at one moment. */
export interface Rights {
  readonly caller: Caller
  readonly name: string
  /** By interface id; requires before optional before own before grants. */
  readonly entitlements: ReadonlyMap<string, readonly Entitlement[]>
  /** Grants by method and path. */
  readonly paths: RouteTable<GrantedRoute>
  /** Those among them that spell `/_/`: no other opens Okapi's administration. */
  readonly administration: RouteTable<GrantedRoute>
  readonly admin: ReadonlyMap<AdminGroup, Grant>
  readonly supertenant: boolean
  readonly tokens: TokenSources
  /** Tenants that grants name. */
  readonly tenants: ReadonlySet<string>
  /** Between which tenants grants let it cross. */
  readonly crosses: readonly Crosses[]
  /** All grants for this caller here, expired ones too: for hints. */
  readonly grants: readonly Grant[]
  readonly granted: boolean
}

/** Collects what applies to `caller` at `at` at the time `ms`. */
export function gatherRights(model: PolicyModel, caller: Caller, at: string, ms: number): Rights {
  const grants = model.grants.filter((grant) => isFor(grant, caller) && isAt(grant, at))
  const valid = grants.filter(({ untilMs }) => untilMs > ms)
  const entitlements = new Map<string, Entitlement[]>()
  const add = (id: string, entitlement: Entitlement) => {
    const list = entitlements.get(id)
    if (list === undefined) entitlements.set(id, [entitlement])
    else list.push(entitlement)
  }
  if (at === 'okapi') addDeclared(model, caller, add)
  const paths: GrantedRoute[] = []
  const admin = new Map<AdminGroup, Grant>()
  const tenants = new Set<string>()
  const crosses: Crosses[] = []
  for (const grant of valid) {
    const { opens } = grant
    if (opens.kind === 'interface') add(opens.id, entitlementByGrant(grant))
    else if (opens.kind === 'route') {
      paths.push({ pattern: opens.pattern, mask: opens.mask, grant })
    } else if (opens.kind === 'admin') {
      for (const group of opens.groups) admin.set(group, grant)
    } else if (opens.kind === 'cross') crosses.push(opens)
    else if (opens.kind === 'tenants') for (const tenant of opens.tenants) tenants.add(tenant)
  }
  return {
    caller,
    name: callerName(caller),
    entitlements: entitlements,
    paths: new RouteTable(paths, { buckets: false }),
    administration: new RouteTable(
      paths.filter(({ pattern }) => meansAdministration(pattern)),
      { buckets: false },
    ),
    admin,
    supertenant: tenants.has(SUPERTENANT),
    tenants,
    crosses,
    tokens: tokenSourcesOf(model, caller, valid),
    grants,
    granted: valid.length > 0,
  }
}

/** The entitlement that a grant gives. */
export function entitlementByGrant(grant: Grant): Entitlement {
  const { file, pointer } = grant
  return { rule: { kind: 'grant', file, pointer }, version: null, grant }
}

/** The entitlements that open an interface of a route, versions aside. */
export function entitlementsFor(
  rights: Rights,
  route: Route,
  byPath: readonly Entitlement[],
  high: boolean,
): readonly Entitlement[] {
  const id = route.interface?.id
  const named = id === undefined ? undefined : entitlementsTo(rights, id, route)
  const all = named === undefined ? byPath : byPath.length === 0 ? named : [...named, ...byPath]
  return high ? all.filter(({ grant }) => grant === null || !isWide(grant)) : all
}

/**
 * Who provides a `multiple` interface itself provides one of several: the caller names which, and that of
 * another module is not its own.
 */
function entitlementsTo(
  { entitlements, name }: Rights,
  id: string,
  { interface: provided, module }: Route,
) {
  const named = entitlements.get(id)
  if (provided?.type !== 'multiple' || idOf(module) === name) return named
  return named?.filter(({ rule }) => rule.kind !== 'own')
}

/** Does the provided version meet the entitlement? */
export function versionFits({ rule, version }: Entitlement, route: Route, caller: string): boolean {
  if (version === null || route.interface === null) return true
  if (rule.kind === 'own' && idOf(route.module) === caller) return true
  return isCompatible(route.interface.version, version)
}

function addDeclared(
  model: PolicyModel,
  caller: Caller,
  add: (id: string, entitlement: Entitlement) => void,
): void {
  const module = caller.kind === 'module' ? model.set.modules.get(caller.id) : undefined
  if (module === undefined) return
  const { file, descriptor } = module
  const lists = [
    ['requires', descriptor.requires],
    ['optional', descriptor.optional],
    ['own', descriptor.provides satisfies readonly InterfaceDescriptor[]],
  ] as const
  for (const [kind, list] of lists) {
    for (const { id, version, pointer } of list) {
      add(id, { rule: { kind, file, pointer }, version, grant: null })
    }
  }
}
