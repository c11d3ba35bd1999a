import { createHash } from 'node:crypto'
import type { Problem } from '../fault.ts'
import { productOf } from '../folio/module-id.ts'
import { isOkapiIngress } from './base-authorizer.ts'
import { BehalfAuthorizer } from './behalf-authorizer.ts'
import { type Caller, callerName } from './caller.ts'
import { checkGrants } from './check-grants.ts'
import { checkPathExceptions } from './check-path-exceptions.ts'
import { checkSearchCost } from './check-search-cost.ts'
import { checkConsortia, readConsortia } from './consortia.ts'
import type { LineMode, Sensitivity } from './decision.ts'
import type { DescriptorSet } from './descriptors.ts'
import { isPartOfProfile, readGrantRules, STRIPES_GRANTS } from './grants.ts'
import { knownGrantsOf } from './known-grants.ts'
import { MigrationAuthorizer } from './migration-authorizer.ts'
import type { PolicyModel } from './model.ts'
import { ModuleAuthorizer, UnknownModuleAuthorizer } from './module-authorizer.ts'
import { OkapiAuthorizer } from './okapi-authorizer.ts'
import { readPathExceptions } from './path-exceptions.ts'
import type { Authorizer, Policy, ProfileGrant } from './policy.ts'
import { isQuarantined, type Quarantine, readQuarantine } from './quarantine.ts'
import type { RouteTable } from './route-table.ts'
import { moduleRoutes, okapiRoutes, type Route } from './routes.ts'
import type { RuleSource } from './rule-source.ts'
import { type PolicySummary, summarise } from './summary.ts'
import { readTenantRules, type WithoutToken } from './tenant-rules.ts'
import { type ModuleTraits, traitsOf } from './traits.ts'
import type { TrueCaller } from './true-caller.ts'

/** All inputs of the policy, as read from files but not yet parsed. */
export interface PolicySource {
  readonly descriptors: DescriptorSet
  readonly grants?: readonly RuleSource[]
  /** Grants that ship with the product; `knownGrants` names the products and sets to turn on. */
  readonly known?: readonly RuleSource[]
  readonly knownGrants?: readonly string[]
  readonly quarantine?: readonly RuleSource[]
  readonly pathExceptions?: readonly RuleSource[]
  /** By interface id; regular by default. */
  readonly sensitivity?: Readonly<Record<string, Sensitivity>>
  readonly mode?: 'enforce' | 'report'
  /** For which tenants callers may act: off, reported or enforced. */
  readonly tenants?: LineMode
  readonly tenantsOf?: readonly RuleSource[]
  readonly withoutToken?: WithoutToken
  /** What the file of consortia has. */
  readonly consortia?: RuleSource | undefined
  /** Interfaces in report mode while the rest is enforced. */
  readonly reported?: readonly string[]
  readonly caller?: LineMode
  /** The full id of the module this sidecar stands beside: its descriptor must be there. */
  readonly own?: string
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const MAX_AUTHORIZERS = 4096

/** Puts a policy together. It is undefined when there is an error among the problems. */
export function compilePolicy(source: PolicySource): {
  policy: Policy | undefined
  problems: readonly Problem[]
} {
  const problems: Problem[] = []
  const { descriptors: set, now = Date.now, mode = 'enforce', reported = [], own } = source
  const grants = [
    ...readGrantRules(source.grants ?? [], problems),
    ...knownGrantsOf(source, problems),
  ]
  const quarantine = readQuarantine(source.quarantine ?? [], problems)
  const pathExceptions = readPathExceptions(source.pathExceptions ?? [], problems)
  const sensitivity = new Map(Object.entries(source.sensitivity ?? {}))
  const model: PolicyModel = {
    set,
    routes: okapiRoutes(set),
    grants: [...grants, ...STRIPES_GRANTS],
    quarantine,
    pathExceptions,
    sensitivity,
    mode,
    tenants: {
      mode: source.tenants ?? 'enforce',
      of: readTenantRules(source.tenantsOf ?? [], problems),
      withoutToken: source.withoutToken ?? 'serving',
      consortia: readConsortia(source.consortia, problems),
    },
    reported: new Set(reported),
    now,
  }
  const tooMuch = checkSearchCost(model)
  if (tooMuch.length > 0) return { policy: undefined, problems: [...problems, ...tooMuch] }
  checkGrants(model, grants, problems, own)
  checkPathExceptions(model, pathExceptions, problems, own)
  checkQuarantine(model, quarantine, problems)
  // Some input could not be read, so no warnings are given about the rest.
  if (!problems.some(({ severity }) => severity === 'error')) {
    checkConsortia(model.tenants.consortia, (name) => isInstalled(set, name), problems)
  }
  if (own !== undefined && !set.modules.has(own) && !isOkapiIngress(own)) {
    const message = `no descriptor of ${own} itself is installed`
    const hint = `put the ModuleDescriptor of ${own} into the folder of descriptors`
    problems.push({ severity: 'error', message, hint })
  }
  if (problems.some(({ severity }) => severity === 'error')) return { policy: undefined, problems }
  const { caller = 'off' } = source
  return { policy: new CompiledPolicy(model, hashOf(source), caller), problems }
}

class CompiledPolicy implements Policy {
  readonly hash: string
  readonly mode: 'enforce' | 'report'
  readonly callerMode: LineMode
  readonly #model: PolicyModel
  readonly #authorizers = new Map<string, Authorizer>()
  readonly #moduleRoutes = new Map<string, RouteTable<Route>>()
  readonly #traits = new Map<string, ModuleTraits>()

  constructor(model: PolicyModel, hash: string, callerMode: LineMode) {
    this.#model = model
    this.hash = hash
    this.mode = model.mode
    this.callerMode = callerMode
    for (const [id, { descriptor }] of model.set.modules) {
      this.#traits.set(id, traitsOf(descriptor))
    }
  }

  bind(caller: Caller, at: string): Authorizer {
    // No caller's name contains a blank, and `kind` distinguishes a module called `public`.
    const key = `${caller.kind} ${callerName(caller)} ${at}`
    const known = this.#authorizers.get(key)
    if (known !== undefined) return known
    const authorizer = this.#newAuthorizer(caller, at)
    if (this.#authorizers.size < MAX_AUTHORIZERS) this.#authorizers.set(key, authorizer)
    return authorizer
  }

  behalf(who: TrueCaller, at: string): BehalfAuthorizer {
    const { system, multiple } = this.#model.routes
    const bind = (caller: Caller) => this.bind(caller, 'okapi')
    return new BehalfAuthorizer({ who, at, bind, system, multiple: [...multiple.keys()] })
  }

  traits(moduleId: string): ModuleTraits | undefined {
    return this.#traits.get(moduleId)
  }

  get modules(): readonly string[] {
    return [...this.#traits.keys()]
  }

  get quarantined(): number {
    return this.#model.quarantine.length
  }

  get profiles(): readonly ProfileGrant[] {
    return this.#model.grants.flatMap((grant) => {
      const { caller, profile, untilMs } = grant
      return profile === undefined || isPartOfProfile(grant) ? [] : [{ caller, profile, untilMs }]
    })
  }

  summary(moduleId: string): PolicySummary {
    return summarise(this.#model, moduleId, isOkapiIngress(moduleId))
  }

  #newAuthorizer(caller: Caller, at: string): Authorizer {
    const { kind } = caller
    if (isOkapiIngress(at)) {
      if (kind !== 'plain') return new OkapiAuthorizer(this.#model, caller, at)
      const { proxy, multiple } = this.#model.routes
      const tableFor = (id: string | undefined) => (id === undefined ? proxy : multiple.get(id))
      return new MigrationAuthorizer(this.#model, caller, at, { module: null, tableFor })
    }
    const module = this.#model.set.modules.get(at)
    if (module === undefined) return new UnknownModuleAuthorizer(this.#model, caller, at)
    let routes = this.#moduleRoutes.get(at)
    if (routes === undefined) {
      routes = moduleRoutes(module)
      this.#moduleRoutes.set(at, routes)
    }
    if (kind === 'plain') {
      return new MigrationAuthorizer(this.#model, caller, at, { module, tableFor: () => routes })
    }
    return new ModuleAuthorizer(this.#model, caller, at, module, routes)
  }
}

/** Is a module of this id, or a version of this product, installed? */
function isInstalled({ modules }: DescriptorSet, name: string): boolean {
  return modules.has(name) || [...modules.keys()].some((id) => productOf(id) === name)
}

function checkQuarantine(
  { set, now }: PolicyModel,
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
  const values = (list: readonly RuleSource[] | undefined) => (list ?? []).map(({ value }) => value)
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
    source.caller ?? 'off',
    source.tenants ?? 'enforce',
    values(source.tenantsOf),
    source.withoutToken ?? 'serving',
    source.consortia?.value ?? null,
  ]
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex')
}
