import type { Problem } from '../fault.ts'
import { ADMIN_GROUPS, type AdminGroup } from '../folio/admin-groups.ts'
import { METHODS, methodMask } from '../folio/descriptor.ts'
import { productOf, splitModuleId } from '../folio/module-id.ts'
import { type PathPattern, parsePathPattern } from '../folio/path-pattern.ts'
import { isTenantName } from '../folio/tenant.ts'
import { type Caller, isNamed, parseCaller } from './caller.ts'
import {
  isOperatorProfile,
  OPERATOR_PROFILES,
  type OperatorProfileName,
} from './operator-profiles.ts'
import { type RuleReader, type RuleSource, readRules, ruleSources } from './rule-source.ts'

/**
 * What a grant opens, exactly one of: an interface whatever its version; methods and a path; groups
 * of Okapi's administration, for operators; tenants that need a grant, such as `supertenant`; the
 * use of a token of one tenant for another; tokens that Okapi has sent to other modules, or any.
 */
export type Opens =
  | { readonly kind: 'interface'; readonly id: string }
  | {
      readonly kind: 'route'
      readonly methods: readonly string[]
      readonly mask: number
      readonly pattern: PathPattern
    }
  | { readonly kind: 'admin'; readonly groups: readonly AdminGroup[] }
  | { readonly kind: 'tenants'; readonly tenants: readonly string[] }
  | { readonly kind: 'tokens'; readonly of: 'any' | readonly string[] }
  | Crosses

/** A token of one of these tenants may be used for one of those. */
export interface Crosses {
  readonly kind: 'cross'
  readonly from: ReadonlySet<string>
  readonly to: ReadonlySet<string>
}

/** A rule of the operator: this caller may do that here, with a reason. */
export interface Grant {
  /** A module id, a product, `operator/NAME`, `client/NAME` or `public`. */
  readonly caller: string
  /** `okapi`, a module id or a product: whose ingress it opens. */
  readonly at: string
  readonly opens: Opens
  /** If the grant names a profile: it stands for several grants, the first of which has `admin`. */
  readonly profile?: OperatorProfileName
  readonly why: string
  /** Milliseconds since 1970; from then on the grant is void. */
  readonly untilMs: number
  /** Null: built in. */
  readonly file: string | null
  readonly pointer: string | null
}

const FIELDS =
  'caller at interface methods path admin profile tenants cross tokens why until source'.split(' ')

/** Reads grants; each that cannot be read is an error and left out. */
export function readGrantRules(list: readonly RuleSource[], problems: Problem[]): Grant[] {
  return readRules(list, problems, readGrant).flat()
}

/** Is this grant meant for this caller? */
export function isFor(grant: Grant, caller: Caller): boolean {
  return isNamed(grant.caller, caller)
}

/** Does the grant open this ingress: `okapi`, or a module by id or product? */
export function isAt(grant: Grant, at: string): boolean {
  return grant.at === at || grant.at === productOf(at)
}

/**
 * Is it for every version of a product, or has it a `*`? Such a grant never opens a `high`
 * interface.
 */
export function isWide({ caller, opens }: Grant): boolean {
  if (parseCaller(caller).kind === 'module' && splitModuleId(caller).version === undefined) {
    return true
  }
  return opens.kind === 'route' && (opens.methods.includes('*') || opens.pattern.text.includes('*'))
}

/** What it opens, in a few words for sentences. */
export function opensText(opens: Opens): string {
  switch (opens.kind) {
    case 'interface':
      return `interface \`${opens.id}\``
    case 'route':
      return `${opens.methods.join(',')} ${opens.pattern.text}`
    case 'admin':
      return `administration: ${opens.groups.join(', ')}`
    case 'tenants':
      return `tenant ${opens.tenants.join(', ')}`
    case 'tokens':
      return opens.of === 'any' ? 'any token' : `tokens of ${opens.of.join(', ')}`
    case 'cross':
      return `tokens of ${[...opens.from].join(', ')} for ${[...opens.to].join(', ')}`
  }
}

/** The same of a grant, which may name a profile. */
export function grantText({ opens, profile }: Grant): string {
  return profile === undefined ? opensText(opens) : `profile ${profile}`
}

/** Is it one of the additional grants of a profile? Only the first one is listed. */
export function isPartOfProfile({ opens, profile }: Grant): boolean {
  return profile !== undefined && opens.kind !== 'admin'
}

/** A grant as a sentence proposes it, and every sidecar whose policy must have it. */
export function proposedGrant(caller: string, at: string, opens: string): string {
  const grant = `{caller: ${caller}, at: ${at}, ${opens}, why}`
  if (productOf(at) !== 'okapi') return `a grant ${grant} at the sidecar of ${at}`
  if (parseCaller(caller).kind !== 'module') return `a grant ${grant} at Okapi’s sidecar`
  // Its egress decides first, then Okapi's ingress; towards the callee, descriptors decide.
  return `a grant ${grant} at the sidecars of ${productOf(caller)} and of Okapi`
}

function readGrant(reader: RuleReader): readonly Grant[] {
  reader.only(FIELDS)
  const caller = reader.text('caller')
  const { kind } = parseCaller(caller)
  if (kind === 'none' || kind === 'plain' || caller.includes('*') || caller.endsWith('/')) {
    reader.fail('caller', 'caller must be a module, operator/NAME, client/NAME or public')
  }
  const at = reader.text('at')
  const profile = reader.has('profile') ? readProfile(reader) : undefined
  const opened = profile === undefined ? [readOpens(reader)] : profileOpens(profile)
  const [opens] = opened as [Opens, ...Opens[]]
  if (opens.kind === 'admin' && kind !== 'operator') {
    const field = profile === undefined ? 'admin' : 'profile'
    reader.fail(field, 'groups of administration are for operators: operator/NAME')
  }
  if ((opens.kind === 'admin' || opens.kind === 'tokens') && productOf(at) !== 'okapi') {
    reader.fail('at', `${opens.kind} is opened at okapi, not at ${at}`)
  }
  if (opens.kind === 'tokens' && kind !== 'module') {
    reader.fail('tokens', `the tokens of ${caller} are not judged: it logs in`)
  }
  if (profile !== undefined && OPERATOR_PROFILES[profile].ends && !reader.has('until')) {
    reader.fail('until', `profile ${profile} needs until: the day by which Okapi is locked`)
  }
  const common = {
    caller,
    at: productOf(at) === 'okapi' ? 'okapi' : at,
    why: reader.text('why'),
    untilMs: reader.has('until') ? reader.date('until', 'end') : Number.POSITIVE_INFINITY,
    file: reader.file,
    pointer: reader.pointer,
    ...(profile === undefined ? {} : { profile }),
  }
  return opened.map((each) => ({ ...common, opens: each }))
}

function readProfile(reader: RuleReader): OperatorProfileName {
  const name = reader.text('profile')
  for (const other of ['interface', 'methods', 'path', 'admin', 'tenants', 'cross', 'tokens']) {
    if (reader.has(other)) reader.fail(other, `${other} does not go with a profile`)
  }
  if (isOperatorProfile(name)) return name
  const names = Object.keys(OPERATOR_PROFILES).join(', ')
  return reader.fail('profile', `${name} is not one of the profiles ${names}`)
}

function profileOpens(name: OperatorProfileName): readonly Opens[] {
  const { groups, routes } = OPERATOR_PROFILES[name]
  return [
    { kind: 'admin', groups },
    ...routes.map((route): Opens => {
      const [names = '', path = ''] = route.split(' ')
      const methods = names.split(',')
      const pattern = parsePathPattern(path)
      if (typeof pattern === 'string') throw new Error(`${path}: ${pattern}`)
      return { kind: 'route', methods, mask: methodMask(methods), pattern }
    }),
  ]
}

function readOpens(reader: RuleReader): Opens {
  const given = ['interface', 'path', 'admin', 'tenants', 'cross', 'tokens'].filter((name) =>
    reader.has(name),
  )
  if (given.length !== 1) {
    return reader.fail(
      '',
      'a grant opens one of: interface, methods with path, admin, profile, tenants, cross, tokens',
    )
  }
  const [kind] = given
  if (kind !== 'path' && reader.has('methods')) reader.fail('methods', 'methods go with a path')
  if (kind === 'interface') return { kind, id: reader.text('interface') }
  if (kind === 'tenants') return { kind, tenants: reader.texts('tenants') }
  if (kind === 'tokens') return { kind, of: readTokens(reader) }
  if (kind === 'cross') return readCrosses(reader)
  if (kind === 'admin') {
    const groups = ADMIN_GROUPS.filter((group) => reader.texts('admin').includes(group))
    const unknown = reader.texts('admin').find((name) => !groups.some((group) => group === name))
    if (unknown !== undefined) {
      reader.fail('admin', `${unknown} is not one of the groups ${ADMIN_GROUPS.join(', ')}`)
    }
    return { kind, groups }
  }
  return readRoute(reader)
}

function readTokens(reader: RuleReader): 'any' | readonly string[] {
  if (!reader.isText('tokens')) return reader.texts('tokens')
  if (reader.text('tokens') === 'any') return 'any'
  return reader.fail('tokens', 'tokens is `any`, or a list of the modules whose tokens it may send')
}

function readCrosses(reader: RuleReader): Opens {
  const inner = reader.object('cross')
  inner.only(['from', 'to'])
  const [from, to] = (['from', 'to'] as const).map((name) => {
    const tenants = inner.texts(name)
    const odd = tenants.find((tenant) => !isTenantName(tenant))
    if (odd !== undefined) inner.fail(name, `${JSON.stringify(odd)} is not a tenant name`)
    return new Set(tenants)
  })
  return { kind: 'cross', from: from!, to: to! }
}

function readRoute(reader: RuleReader): Opens {
  const methods = reader.texts('methods')
  for (const method of methods) {
    if (method !== '*' && !METHODS.includes(method)) {
      reader.fail('methods', `${method} is not a method that Okapi knows, in upper case`)
    }
  }
  const path = reader.text('path')
  const pattern = parsePathPattern(path)
  if (typeof pattern === 'string') return reader.fail('path', pattern)
  if (!path.startsWith('/')) reader.fail('path', 'path must begin with /')
  return { kind: 'route', methods, mask: methodMask(methods), pattern }
}

const STRIPES_WHY =
  'Stripes asks it at the start of every session (stripes-core discoverServices.js)'

/** What FOLIO's user interface needs of Okapi's `/_/`; always on, for `public` alone. */
export const STRIPES_GRANTS: readonly Grant[] = builtIn([
  { methods: ['GET'], path: '/_/version', why: STRIPES_WHY },
  { methods: ['GET'], path: '/_/proxy/tenants/{tenantId}/modules', why: STRIPES_WHY },
  { methods: ['GET'], path: '/_/proxy/tenants/{tenantId}/interfaces', why: STRIPES_WHY },
  {
    methods: ['*'],
    path: '/_/invoke/tenant/{tenantId}/saml/*',
    why: 'single sign-on (stripes-core loginServices.js, and callbacks of identity providers)',
  },
])

function builtIn(list: readonly object[]): Grant[] {
  const problems: Problem[] = []
  const written = list.map((grant) => ({ caller: 'public', at: 'okapi', ...grant }))
  const grants = readGrantRules(ruleSources(written, 'stripes', ''), problems)
  if (problems.length > 0) throw new Error(`built-in grants: ${problems[0]!.message}`)
  return grants.map((grant) => ({ ...grant, file: null, pointer: null }))
}
