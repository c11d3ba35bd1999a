import { createHash } from 'node:crypto'
import type { Problem } from '../fault.ts'
import { productOf } from '../folio/module-id.ts'
import { type Caller, callerName } from './caller.ts'
import { checkGrants } from './check-grants.ts'
import { checkWork } from './check-work.ts'
import type { Clause } from './clause.ts'
import type { Sensitivity } from './decision.ts'
import type { DescriptorSet } from './descriptors.ts'
import { isOkapiDoor } from './door.ts'
import { readGrants } from './grants.ts'
import { knownGrantsOf } from './known-grants.ts'
import { ModuleDoor, UnknownDoor } from './module-door.ts'
import { OkapiDoor } from './okapi-door.ts'
import { readPathExceptions } from './path-exceptions.ts'
import { PlainDoor } from './plain-door.ts'
import type { Authorizer, Policy } from './policy.ts'
import { isQuarantined, type Quarantine, readQuarantine } from './quarantine.ts'
import type { RouteTable } from './route-table.ts'
import { moduleRoutes, okapiRoutes, type Route } from './routes.ts'
import { STRIPES } from './stripes.ts'
import { type PolicySummary, summarise } from './summary.ts'
import { type ModuleTraits, traitsOf } from './traits.ts'
import type { World } from './world.ts'

/** Everything that decides, as read from files but not yet understood. */
export interface PolicySource {
  readonly descriptors: DescriptorSet
  readonly grants?: readonly Clause[]
  /** Grants that ship with the product; `knownGrants` names the products and sets to turn on. */
  readonly known?: readonly Clause[]
  readonly knownGrants?: readonly string[]
  readonly quarantine?: readonly Clause[]
  readonly pathExceptions?: readonly Clause[]
  /** By interface id; regular where nothing is said. */
  readonly sensitivity?: Readonly<Record<string, Sensitivity>>
  readonly mode?: 'enforce' | 'report'
  /** Interfaces in report mode while the rest is enforced. */
  readonly reported?: readonly string[]
  /** The full id of the module this sidecar stands beside: its descriptor must be there. */
  readonly own?: string
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const MAX_JUDGES = 4096

/** Puts a policy together. It is undefined when there is an error among the problems. */
export function compilePolicy(source: PolicySource): {
  policy: Policy | undefined
  problems: readonly Problem[]
} {
  const problems: Problem[] = []
  const { descriptors: set, now = Date.now, mode = 'enforce', reported = [], own } = source
  const grants = [...readGrants(source.grants ?? [], problems), ...knownGrantsOf(source, problems)]
  const quarantine = readQuarantine(source.quarantine ?? [], problems)
  const pathExceptions = readPathExceptions(source.pathExceptions ?? [], problems)
  const sensitivity = new Map(Object.entries(source.sensitivity ?? {}))
  const world: World = {
    set,
    routes: okapiRoutes(set),
    grants: [...grants, ...STRIPES],
    quarantine,
    pathExceptions,
    sensitivity,
    mode,
    reported: new Set(reported),
    now,
  }
  const tooMuch = checkWork(world)
  if (tooMuch.length > 0) return { policy: undefined, problems: [...problems, ...tooMuch] }
  checkGrants(world, grants, problems, own)
  checkQuarantine(world, quarantine, problems)
  if (own !== undefined && !set.modules.has(own) && !isOkapiDoor(own)) {
    const message = `no descriptor of ${own} itself is installed`
    const hint = `put the ModuleDescriptor of ${own} into the folder of descriptors`
    problems.push({ severity: 'error', message, hint })
  }
  if (problems.some(({ severity }) => severity === 'error')) return { policy: undefined, problems }
  return { policy: new CompiledPolicy(world, hashOf(source)), problems }
}

class CompiledPolicy implements Policy {
  readonly hash: string
  readonly mode: 'enforce' | 'report'
  readonly #world: World
  readonly #judges = new Map<string, Authorizer>()
  readonly #moduleRoutes = new Map<string, RouteTable<Route>>()
  readonly #traits = new Map<string, ModuleTraits>()

  constructor(world: World, hash: string) {
    this.#world = world
    this.hash = hash
    this.mode = world.mode
    for (const [id, { descriptor }] of world.set.modules) {
      this.#traits.set(id, traitsOf(descriptor))
    }
  }

  bind(caller: Caller, at: string): Authorizer {
    // No caller's name holds a blank, and `kind` keeps a module called `public` apart.
    const key = `${caller.kind} ${callerName(caller)} ${at}`
    const known = this.#judges.get(key)
    if (known !== undefined) return known
    const judge = this.#newJudge(caller, at)
    if (this.#judges.size < MAX_JUDGES) this.#judges.set(key, judge)
    return judge
  }

  traits(moduleId: string): ModuleTraits | undefined {
    return this.#traits.get(moduleId)
  }

  summary(moduleId: string): PolicySummary {
    return summarise(this.#world, moduleId, isOkapiDoor(moduleId))
  }

  #newJudge(caller: Caller, at: string): Authorizer {
    const { kind } = caller
    if (isOkapiDoor(at)) {
      if (kind !== 'plain') return new OkapiDoor(this.#world, caller, at)
      const { proxy, multiple } = this.#world.routes
      const tableFor = (id: string | undefined) => (id === undefined ? proxy : multiple.get(id))
      return new PlainDoor(this.#world, caller, at, { module: null, tableFor })
    }
    const module = this.#world.set.modules.get(at)
    if (module === undefined) return new UnknownDoor(this.#world, caller, at)
    let routes = this.#moduleRoutes.get(at)
    if (routes === undefined) {
      routes = moduleRoutes(module)
      this.#moduleRoutes.set(at, routes)
    }
    if (kind === 'plain') {
      return new PlainDoor(this.#world, caller, at, { module, tableFor: () => routes })
    }
    return new ModuleDoor(this.#world, caller, at, module, routes)
  }
}

function checkQuarantine(
  { set, now }: World,
  quarantine: readonly Quarantine[],
  problems: Problem[],
): void {
  for (const entry of quarantine) {
    const { file, pointer, afterMs, why } = entry
    const where = { file, pointer }
    const hit = [...set.modules.values()].filter(({ descriptor }) =>
      isQuarantined(entry, descriptor.id),
    )
    const ids = hit.map(({ descriptor }) => descriptor.id.id).join(', ')
    if (hit.length > 0 && afterMs > now()) {
      const date = new Date(afterMs).toISOString()
      const message = `${ids} will be refused from ${date} on: ${why}`
      problems.push({ severity: 'warning', message, where })
    }
    if (
      hit.length === 0 &&
      ![...set.modules.keys()].some((id) => productOf(id) === entry.product)
    ) {
      const message = `no version of ${entry.product} is installed`
      problems.push({ severity: 'warning', message, where })
    }
  }
}

function hashOf(source: PolicySource): string {
  const { descriptors, grants, known, knownGrants: named, quarantine, pathExceptions } = source
  const values = (list: readonly Clause[] | undefined) => (list ?? []).map(({ value }) => value)
  const turnedOn = (named ?? []).length === 0 ? [] : values(known)
  const rules = [
    descriptors.hash,
    values(grants),
    turnedOn,
    [...(named ?? [])].sort(),
    values(quarantine),
    values(pathExceptions),
    Object.entries(source.sensitivity ?? {}).sort(),
    source.mode ?? 'enforce',
    [...(source.reported ?? [])].sort(),
  ]
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex')
}
