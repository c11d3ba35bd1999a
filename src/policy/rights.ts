import type { AdminGroup } from '../folio/admin-groups.ts'
import type { InterfaceDescriptor } from '../folio/descriptor.ts'
import { isCompatible } from '../folio/interface-version.ts'
import { SUPERTENANT } from '../folio/tenant.ts'
import { meansAdministration } from './administration.ts'
import { type Caller, callerName } from './caller.ts'
import type { Rule } from './decision.ts'
import { type Grant, isAt, isFor, isWide } from './grants.ts'
import { type Routed, RouteTable } from './route-table.ts'
import type { Route } from './routes.ts'
import { idOf, type World } from './world.ts'

/** A reason why a caller may use an interface. */
export interface Claim {
  readonly rule: Rule
  /** The versions asked for; null where any will do. */
  readonly version: string | null
  /** Behind a claim by grant. */
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
  readonly claims: ReadonlyMap<string, readonly Claim[]>
  /** Grants by method and path. */
  readonly paths: RouteTable<GrantedRoute>
  /** Those among them that spell `/_/`: no other opens Okapi's administration. */
  readonly administration: RouteTable<GrantedRoute>
  readonly admin: ReadonlyMap<AdminGroup, Grant>
  readonly supertenant: boolean
  /** All grants for this caller here, expired ones too: for hints. */
  readonly grants: readonly Grant[]
  readonly granted: boolean
}

/** Gathers what holds for `caller` at `at` at the moment `ms`. */
export function gatherRights(world: World, caller: Caller, at: string, ms: number): Rights {
  const grants = world.grants.filter((grant) => isFor(grant, caller) && isAt(grant, at))
  const valid = grants.filter(({ untilMs }) => untilMs > ms)
  const claims = new Map<string, Claim[]>()
  const add = (id: string, claim: Claim) => {
    const list = claims.get(id)
    if (list === undefined) claims.set(id, [claim])
    else list.push(claim)
  }
  if (at === 'okapi') addDeclared(world, caller, add)
  const paths: GrantedRoute[] = []
  const admin = new Map<AdminGroup, Grant>()
  let supertenant = false
  for (const grant of valid) {
    const { opens } = grant
    if (opens.kind === 'interface') add(opens.id, claimBy(grant))
    else if (opens.kind === 'route') {
      paths.push({ pattern: opens.pattern, mask: opens.mask, grant })
    } else if (opens.kind === 'admin') {
      for (const group of opens.groups) admin.set(group, grant)
    } else if (opens.tenants.includes(SUPERTENANT)) supertenant = true
  }
  return {
    caller,
    name: callerName(caller),
    claims,
    paths: new RouteTable(paths, { buckets: false }),
    administration: new RouteTable(
      paths.filter(({ pattern }) => meansAdministration(pattern)),
      { buckets: false },
    ),
    admin,
    supertenant,
    grants,
    granted: valid.length > 0,
  }
}

/** The claim that a grant gives. */
export function claimBy(grant: Grant): Claim {
  const { file, pointer } = grant
  return { rule: { kind: 'grant', file, pointer }, version: null, grant }
}

/** The claims that open an interface of a route, versions aside. */
export function claimsOn(
  rights: Rights,
  route: Route,
  byPath: readonly Claim[],
  high: boolean,
): readonly Claim[] {
  const id = route.interface?.id
  const named = id === undefined ? undefined : rights.claims.get(id)
  const all = named === undefined ? byPath : byPath.length === 0 ? named : [...named, ...byPath]
  return high ? all.filter(({ grant }) => grant === null || !isWide(grant)) : all
}

/** Does the provided version meet the claim? */
export function fits({ rule, version }: Claim, route: Route, caller: string): boolean {
  if (version === null || route.interface === null) return true
  if (rule.kind === 'own' && idOf(route.module) === caller) return true
  return isCompatible(route.interface.version, version)
}

function addDeclared(world: World, caller: Caller, add: (id: string, claim: Claim) => void): void {
  const module = caller.kind === 'module' ? world.set.modules.get(caller.id) : undefined
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
