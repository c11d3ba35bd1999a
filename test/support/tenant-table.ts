import { ADMIN_GROUPS } from '../../src/folio/admin-groups.ts'
import { type Caller, parseCaller } from '../../src/policy/caller.ts'
import { compilePolicy } from '../../src/policy/compiled-policy.ts'
import type { LineMode } from '../../src/policy/decision.ts'
import { installDescriptors } from '../../src/policy/descriptors.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import { broughtMemory, TenantsBrought } from '../../src/proxy/brought-tenants.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { MemoryPool, settingsWith } from './engine.ts'
import { listenerOf } from './listeners.ts'
import { MemorySocket } from './memory-socket.ts'

/** The tenant that a request names. */
export const TENANTS = [
  'single',
  'central',
  'member',
  'other member',
  'stranger',
  'supertenant',
  'missing',
  'duplicated',
  'malformed',
] as const
/** The token beside it: of the same tenant, but for the last. */
export const TOKENS = [
  'none',
  'unreadable',
  'dummy',
  'user',
  'module',
  'legacy',
  'expired',
  'other user',
  'never seen',
  'seen elsewhere',
  'of single',
  'of central',
  'of member',
  'of stranger',
  'of supertenant',
] as const
export const OPERATIONS = ['read', 'write', 'login', 'admin'] as const
export const MODES = ['off', 'report', 'enforce'] as const
/** May the caller cross: in all directions, from central to members, or nowhere? */
export const RIGHTS = ['may', 'one way', 'may not'] as const
/** What Okapi brought to a module: nothing, the tenant, the tenant with the token. */
export const SERVED = ['not served', 'served', 'served with this token'] as const
export const PLACES = ['module’s egress', 'Okapi’s ingress', 'operator', 'public'] as const

/** One access. */
export interface Access {
  readonly place: (typeof PLACES)[number]
  readonly tenant: (typeof TENANTS)[number]
  readonly token: (typeof TOKENS)[number]
  readonly operation: (typeof OPERATIONS)[number]
  readonly right: (typeof RIGHTS)[number]
  readonly served: (typeof SERVED)[number]
  readonly mode: LineMode
}

/** Every possible access. */
export function* accesses(): Generator<Access> {
  for (const place of PLACES) {
    const isModule = place === PLACES[0] || place === PLACES[1]
    for (const mode of MODES)
      for (const right of RIGHTS)
        for (const served of isModule ? SERVED : (['not served'] as const))
          for (const tenant of TENANTS)
            for (const token of TOKENS)
              for (const operation of OPERATIONS)
                yield { place, mode, right, served, tenant, token, operation }
  }
}

const NAMED = {
  single: 'diku',
  central: 'consortium',
  member: 'college',
  'other member': 'university',
  stranger: 'stranger',
  supertenant: 'supertenant',
} as const

const OF: Readonly<Record<string, string>> = {
  'of single': NAMED.single,
  'of central': NAMED.central,
  'of member': NAMED.member,
  'of stranger': NAMED.stranger,
  'of supertenant': NAMED.supertenant,
}

/** The lines that name the tenant, and the tenant for which a token is made that is of the same. */
function tenantLines(tenant: Access['tenant']): { lines: readonly string[]; same: string } {
  const line = (name: string) => `X-Okapi-Tenant: ${name}`
  switch (tenant) {
    case 'missing':
      return { lines: [], same: NAMED.member }
    case 'duplicated':
      return { lines: [line(NAMED.member), line(NAMED.member)], same: NAMED.member }
    case 'malformed':
      return { lines: [line(`${NAMED.member}, supertenant`)], same: NAMED.member }
    default:
      return { lines: [line(NAMED[tenant])], same: NAMED[tenant] }
  }
}

const USER = '1ad737b0-d847-11e6-bf26-cec0c932ce01'

/** As mod-authtoken makes them: what tells them apart is read, not verified. */
function tokenLines(token: Access['token'], same: string): readonly string[] {
  if (token === 'none') return []
  if (token === 'unreadable') return ['X-Okapi-Token: opaque']
  const tenant = OF[token] ?? same
  const claims: Readonly<Record<string, unknown>> = {
    dummy: { type: 'dummy', dummy: true, sub: 'UNDEFINED_USER__1', tenant },
    module: { type: 'module', sub: 'anna', tenant, module: 'mod-x-1.0.0', user_id: USER },
    legacy: { type: 'legacy-access', sub: 'anna', tenant, user_id: USER, iat: 1_700_000_000 },
    expired: { type: 'access', sub: 'anna', tenant, user_id: USER, exp: 1_700_000_600 },
  }
  const made = claims[token] ?? { type: 'access', sub: 'anna', tenant, user_id: USER, iat: 1 }
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const line = `X-Okapi-Token: ${part({ alg: 'HS256' })}.${part(made)}.${'s'.repeat(43)}`
  return token === 'other user' ? [line, 'X-Okapi-User-Id: someone-else'] : [line]
}

const TARGET = {
  read: 'GET /users/1',
  write: 'POST /users',
  login: 'POST /authn/login',
  admin: 'GET /_/proxy/tenants',
} as const

const open = { permissionsRequired: [] }
const provides = (id: string, ...routes: readonly string[]) => ({
  id,
  version: '1.0',
  handlers: routes.map((route) => {
    const [method, pathPattern] = route.split(' ')
    return { methods: [method], pathPattern, ...open }
  }),
})
const required = ['users', 'login'].map((id) => ({ id, version: '1.0' }))
const CALLERS = RIGHTS.map((right) => right.replace(' ', '-'))
const MODULES = [
  { id: 'mod-users-1.0.0', provides: [provides('users', 'GET /users/{id}', 'POST /users')] },
  { id: 'mod-login-1.0.0', provides: [provides('login', 'POST /authn/login')] },
  ...CALLERS.map((name) => ({ id: `mod-${name}-1.0.0`, requires: required })),
]

const ALL = ['central-to-member', 'member-to-central', 'member-to-member']

function consortiaOf(right: Access['right']) {
  const cross = [
    ...['mod-may', 'operator/may'].map((caller) => ({ caller, directions: ALL, why: 'test' })),
    ...['mod-one-way', 'operator/one-way'].map((caller) => {
      return { caller, directions: ['central-to-member'], why: 'test' }
    }),
    ...(right === 'may' ? [{ caller: 'public', directions: ALL, why: 'test' }] : []),
    ...(right === 'one way'
      ? [{ caller: 'public', directions: ['central-to-member'], why: 'test' }]
      : []),
  ]
  const members = [NAMED.member, NAMED['other member']]
  return { consortia: [{ central: NAMED.central, members }], cross }
}

const POLICIES = new Map<string, Policy>()

function policyFor({ mode, right }: Access): Policy {
  const known = POLICIES.get(`${mode} ${right}`)
  if (known !== undefined) return known
  const { set } = installDescriptors(
    MODULES.map((value) => ({ file: `${value.id}.json`, path: value.id, value })),
  )
  const grants = CALLERS.flatMap((name) =>
    [{ interface: 'users' }, { interface: 'login' }, { admin: ADMIN_GROUPS }].map((opens) => ({
      caller: `operator/${name}`,
      at: 'okapi',
      ...opens,
      why: 'test',
    })),
  )
  const { policy, problems } = compilePolicy({
    descriptors: set!,
    grants: ruleSources(grants, 'test', ''),
    tenants: mode,
    consortia: { value: consortiaOf(right), file: 'consortia.yaml', pointer: '' },
  })
  if (policy === undefined) throw new Error(problems.map(({ message }) => message).join('; '))
  POLICIES.set(`${mode} ${right}`, policy)
  return policy
}

const LISTENERS = {
  'module’s egress': 'egress',
  'Okapi’s ingress': 'okapi',
  operator: 'okapi',
  public: 'public',
} as const

function callerOf({ place, right }: Access): Caller {
  if (place === 'public') return { kind: 'public' }
  const name = right.replace(' ', '-')
  return parseCaller(place === 'operator' ? `operator/${name}` : `mod-${name}-1.0.0`)
}

function broughtTo(access: Access, caller: Caller): TenantsBrought {
  const brought = new TenantsBrought(broughtMemory(false))
  if (access.served === 'not served' || caller.kind !== 'module') return brought
  const { same } = tenantLines(access.tenant)
  const token = OF[access.token]
  // Without a header the token says which tenant it is.
  const tenant = access.tenant === 'missing' ? (token ?? same) : same
  brought.bring(caller.id, tenant)
  if (access.served === 'served with this token' && token !== undefined) {
    brought.bringAcross(caller.id, token, tenant)
  }
  return brought
}

/**
 * What the proxy makes of it: `passes`, `passes, would be REASON` or `STATUS REASON`, by the requests's own
 * bytes through a listener with its rules and a compiled policy.
 */
export async function whatHappens(access: Access): Promise<string> {
  const pool = new MemoryPool<ReturnType<ReturnType<typeof listenerOf>['context']>>()
  const caller = callerOf(access)
  const { told, context, handler } = listenerOf(LISTENERS[access.place], pool.pool, {
    compiled: policyFor(access),
    caller,
    brought: broughtTo(access, caller),
  })
  const socket = new MemorySocket()
  const note = context()
  new Downstream(socket, note, handler, settingsWith(), () => {})
  const { lines, same } = tenantLines(access.tenant)
  const all = ['Host: okapi', ...lines, ...tokenLines(access.token, same)]
  const target = TARGET[access.operation]
  const length = target.startsWith('POST') ? ['Content-Length: 0'] : []
  await socket.arrive(`${target} HTTP/1.1\r\n${[...all, ...length].join('\r\n')}\r\n\r\n`)
  const would = note.wouldRefuse
  socket.destroy()
  const [ended] = told
  if (ended !== undefined && ended.reason !== '') return `${ended.status} ${ended.reason}`
  return would === null ? 'passes' : `passes, would be ${would.reason}`
}
