/**
 * A second implementation for the tests: slow, without tables or cache, written from the rules and Okapi's
 * behaviour and sharing no code with src/. Dates, quarantine and sensitivity are left to other tests.
 */

export interface Entry {
  readonly methods: readonly string[]
  readonly pathPattern: string
  readonly phase?: string
  readonly type?: string
}

interface Requirement {
  readonly id: string
  readonly version: string
}

export interface Module {
  readonly id: string
  readonly provides: readonly (Requirement & {
    readonly interfaceType?: string | undefined
    readonly handlers: readonly Entry[]
  })[]
  readonly requires: readonly Requirement[]
  readonly optional: readonly Requirement[]
  readonly filters: readonly Entry[]
}

export interface Grant {
  readonly caller: string
  readonly at: string
  readonly interface?: string
  readonly methods?: readonly string[]
  readonly path?: string
  readonly tenants?: readonly string[]
  readonly admin?: readonly string[]
}

export interface ReferenceModel {
  readonly modules: readonly Module[]
  readonly grants: readonly Grant[]
  readonly mode: 'enforce' | 'report'
}

export interface Question {
  readonly caller: string
  readonly at: string
  readonly method: string
  readonly path: string
  readonly tenant?: string
  readonly moduleId?: string
  readonly preflight?: boolean
}

interface Candidate {
  readonly module: Module
  readonly interface: Module['provides'][number]
  readonly entry: Entry
}

/** The kind of rule, the reason, `report:REASON` or `health`. */
export function expectedOutcome(model: ReferenceModel, question: Question): string {
  return question.at === 'okapi' ? atOkapi(model, question) : atModule(model, question)
}

function atOkapi(model: ReferenceModel, question: Question): string {
  const { caller, method, path, preflight } = question
  const module = model.modules.find(({ id }) => id === caller)
  const kind = kindOf(caller)
  const grants = model.grants.filter((grant) => isFor(grant, caller) && grant.at === 'okapi')
  if (kind === 'none' || (kind === 'module' && module === undefined)) return 'caller-not-allowed'
  if ((kind === 'operator' || kind === 'client') && grants.length === 0) return 'caller-not-allowed'
  // What Okapi's router would decode to `/_/invoke`, its proxy not.
  if (/^\/(%|_\/[^/]*%)/.test(path)) return 'admin-route'
  if (path.startsWith('/_/tenant')) return 'admin-route'
  if (kind === 'public' && method === 'OPTIONS' && preflight) return 'default'
  if (path === '/_' || path.startsWith('/_/')) return administration(model, question, grants)
  return ordinary(model, question, grants, path, question.tenant)
}

function administration(
  model: ReferenceModel,
  question: Question,
  grants: readonly Grant[],
): string {
  const { caller, method, path } = question
  // What merely matches `/_/` is about modules.
  const open = grants.some(
    (grant) => grant.path?.startsWith('/_/') && opensPath(grant, method, path),
  )
  const invoke = /^\/_\/invoke\/tenant\/([^/]+)(\/.*)$/.exec(path)
  if (invoke === null) {
    const read = method === 'GET' && /^\/_\/(version|proxy\/tenants(\/[^/]+)?)$/.test(path)
    const byGroup = read && grants.some(({ admin }) => admin?.includes('read'))
    if (!open && !byGroup) return 'admin-route'
    if (!tenantFits(caller, question.tenant, grants)) return 'tenant-not-allowed'
    const handlers = model.modules.flatMap(({ provides }) =>
      provides.filter(({ interfaceType: type }) => [undefined, 'proxy', 'internal'].includes(type)),
    )
    const meant = handlers
      .flatMap((provided) => provided.handlers)
      .filter(({ type, pathPattern }) => type === 'redirect' && /^\/_(\/|$)/.test(pathPattern))
    const taken = meant.some((entry) => matches(entry, method, path))
    return taken || isRedirected(model, method, path) ? 'route-not-declared' : 'grant'
  }
  const [, tenant, rest] = invoke
  if (!open || rest === '/_' || rest!.startsWith('/_/') || rest!.startsWith('/%')) {
    return 'admin-route'
  }
  const verdict = ordinary(model, question, grants, rest!, tenant)
  const passes = !verdict.includes('-') || verdict.startsWith('report:')
  return passes && isRedirected(model, method, path) ? 'route-not-declared' : verdict
}

/** Does a filter send Okapi elsewhere? It does so whatever the module and the bucket. */
function isRedirected({ modules }: ReferenceModel, method: string, path: string): boolean {
  return modules.some(({ filters }) =>
    filters.some(
      (entry) =>
        entry.type === 'redirect' &&
        bucket(entry.pathPattern) !== '' &&
        matches(entry, method, path),
    ),
  )
}

function ordinary(
  model: ReferenceModel,
  { caller, method, moduleId }: Question,
  grants: readonly Grant[],
  path: string,
  tenant: string | undefined,
): string {
  const candidates = lookup(model, method, path, moduleId)
  if (candidates.length === 0) return 'route-not-declared'
  if (isRedirected(model, method, path)) return 'route-not-declared'
  if (candidates.some(({ entry }) => entry.type === 'redirect')) return 'route-not-declared'
  if (candidates.some(({ interface: { id, interfaceType: type } }) => isSystem(id, type))) {
    return 'caller-not-allowed'
  }
  const verdict = interfaces(model, caller, method, path, grants, candidates)
  const passes = !verdict.includes('-') || verdict.startsWith('report:')
  if (passes && !tenantFits(caller, tenant, grants)) return 'tenant-not-allowed'
  return verdict
}

function interfaces(
  model: ReferenceModel,
  caller: string,
  method: string,
  path: string,
  grants: readonly Grant[],
  candidates: readonly Candidate[],
): string {
  if (caller === 'public') return 'default'
  const own = model.modules.find(({ id }) => id === caller)
  const claims = candidates.map(({ module, interface: provided }) => [
    ...claimsIn('requires', own?.requires, provided),
    ...claimsIn('optional', own?.optional, provided),
    ...claimsIn('own', own?.provides, provided)
      .filter(() => module.id === caller || provided.interfaceType !== 'multiple')
      .map((claim) => (module.id === caller ? { ...claim, fits: true } : claim)),
    ...grants
      .filter((grant) => grant.interface === provided.id || opensPath(grant, method, path))
      .map(() => ({ kind: 'grant', fits: true })),
  ])
  let refused: string
  if (claims.some((list) => list.length === 0)) refused = 'interface-not-required'
  else {
    const fitting = claims.flatMap((list) => list.find(({ fits }) => fits) ?? [])
    if (fitting.length > 0) return fitting[0]!.kind
    refused = 'interface-version-mismatch'
  }
  const strict = candidates.some(({ module }) =>
    module.filters.some(({ phase }) => phase === 'auth'),
  )
  const report = model.mode === 'report' && kindOf(caller) === 'module' && !strict
  return report ? `report:${refused}` : refused
}

function claimsIn(kind: string, list: readonly Requirement[] | undefined, provided: Requirement) {
  return (list ?? [])
    .filter(({ id }) => id === provided.id)
    .map(({ version }) => ({ kind, fits: compatible(provided.version, version) }))
}

/**
 * Okapi's buckets: the whole path, then each parent that ends in a slash. A tenant may lack any module,
 * so that each has a say with what it would be asked for if it were the only one.
 */
function lookup(
  model: ReferenceModel,
  method: string,
  path: string,
  moduleId: string | undefined,
): Candidate[] {
  const types = moduleId === undefined ? [undefined, 'proxy', 'internal'] : ['multiple']
  const all = model.modules
    .filter(({ id }) => moduleId === undefined || id === moduleId)
    .flatMap((module) =>
      module.provides
        .filter(({ interfaceType }) => types.includes(interfaceType))
        .flatMap((provided) =>
          provided.handlers.map((entry) => ({ module, interface: provided, entry })),
        ),
    )
  const keys = [path]
  for (let i = path.length - 1; i >= 0; i--) if (path[i] === '/') keys.push(path.slice(0, i + 1))
  const found: Candidate[] = []
  for (const key of keys) {
    const before = new Set(found.map(({ module }) => module))
    const here = all.filter(
      ({ entry }) => bucket(entry.pathPattern) === key && matches(entry, method, path),
    )
    found.push(...here.filter(({ module }) => !before.has(module)))
  }
  return found
}

function atModule(model: ReferenceModel, { caller, at, method, path }: Question): string {
  const module = model.modules.find(({ id }) => id === at)
  if (module === undefined) return 'route-not-declared'
  if (!/^okapi-\d/.test(caller)) return 'caller-not-allowed'
  const kinds = { handler: false, system: false, filter: false }
  for (const provided of module.provides) {
    if (!provided.handlers.some((entry) => found(entry))) continue
    const system = isSystem(provided.id, provided.interfaceType)
    kinds[system ? 'system' : 'handler'] = true
  }
  kinds.filter = module.filters.some((entry) => found(entry))
  if (kinds.handler) return 'own'
  if (kinds.system) return 'system'
  if (method === 'GET' && path === '/') return 'health'
  return kinds.filter ? 'own' : 'route-not-declared'

  function found(entry: Entry): boolean {
    if (entry.type === 'redirect') return false
    return bucket(entry.pathPattern) !== '' && matches(entry, method, path)
  }
}

/** Only Okapi itself calls it. */
function isSystem(id: string, type: string | undefined): boolean {
  return type === 'system' || (id.startsWith('_') && type !== 'multiple')
}

function bucket(pattern: string): string {
  const wild = pattern.search(/[{*]/)
  return wild < 0 ? pattern : pattern.slice(0, pattern.lastIndexOf('/', wild) + 1)
}

function matches({ methods, pathPattern }: Entry, method: string, path: string): boolean {
  return (methods.includes('*') || methods.includes(method)) && matchesPath(pathPattern, path)
}

function matchesPath(pattern: string, path: string): boolean {
  const source = pattern
    .replace(/[^{}*a-z]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
    .replace(/\{[^}]*\}/g, '[^/]+(?=/|$)')
    .replaceAll('*', '[^]*')
  return new RegExp(`^${source}$`).test(path)
}

function opensPath({ methods, path: pattern }: Grant, method: string, path: string): boolean {
  if (methods === undefined || pattern === undefined) return false
  return (methods.includes('*') || methods.includes(method)) && matchesPath(pattern, path)
}

function compatible(provided: string, required: string): boolean {
  const [major, minor] = provided.split('.').map(Number)
  for (const version of required.split(' ')) {
    const [wantedMajor, wantedMinor] = version.split('.').map(Number)
    if (wantedMajor === major) return minor! >= wantedMinor!
  }
  return false
}

function tenantFits(caller: string, tenant: string | undefined, grants: readonly Grant[]): boolean {
  if (tenant !== 'supertenant' || ['operator', 'client'].includes(kindOf(caller))) return true
  return grants.some(({ tenants }) => tenants?.includes('supertenant'))
}

function isFor({ caller }: Grant, name: string): boolean {
  return caller === name || (kindOf(name) === 'module' && name.replace(/-\d.*$/, '') === caller)
}

function kindOf(caller: string): string {
  if (caller === 'public' || caller === 'none') return caller
  return caller.includes('/') ? caller.split('/')[0]! : 'module'
}
