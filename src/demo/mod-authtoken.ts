import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { request as ask } from 'undici'
import { ANNA, MODULES, TENANT } from './members.ts'
import { type ModuleCall, NO_ANSWER, type Reply, runModule } from './module.ts'
import { processSettings } from './process.ts'

/** Does it ask mod-permissions and mod-users, through Okapi? The demo has no mod-permissions. */
const { asksOkapi } = processSettings({ asksOkapi: false })

/** The answer of mod-permissions in the demo. */
const PERMISSIONS = new Map([
  [ANNA.id, ['notes.item.get', 'tags.collection.get', 'tags.item.get', 'users.collection.get']],
])

/**
 * FilterApi.handleAuthorize: it judges the caller's token when there is one, and makes a dummy when
 * there is none. Then it signs a module token for every entry of X-Okapi-Module-Permissions. It trusts
 * the header, because only Okapi should reach it, and Okapi removes the header from requests of others.
 */
async function authorize({ request, tenant, path, body }: ModuleCall): Promise<Reply> {
  const { headers } = request
  const caller = whoCalls(headers, tenant)
  if (caller === undefined) return no(401, 'Invalid token')
  if (caller.tenant !== tenant) return no(403, 'Invalid token: tenant differs')
  const named = one(headers['x-okapi-user-id'])
  if (named !== undefined && caller.user_id !== undefined && named !== caller.user_id) {
    return no(403, 'Invalid token: user differs')
  }
  const userId = named ?? caller.user_id
  const asked = { headers, tenant, caller }
  // PermService.expandSystemPermissions fails without a handler: its caller waits for ever.
  if (!(await expandsPermissions(asked))) return NO_ANSWER
  const signing = ROUTES.find(([endpoint]) => path.startsWith(endpoint))
  if (signing !== undefined) return signOrAllow(asked, signing, body)
  const user = await userPermissions(asked)
  if (!Array.isArray(user)) return user
  const held = [...user, ...(caller.extra_permissions ?? [])]
  const missing = list(headers['x-okapi-permissions-required']).find((name) => !held.includes(name))
  if (missing !== undefined && caller.type === 'dummy') {
    return no(400, `Token missing, access requires permission: ${missing}`)
  }
  if (missing !== undefined) return no(403, `Access for user requires permission: ${missing}`)
  return allowed(asked, desired(headers, held), userId)
}

interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly tenant: string
  readonly caller: IssuedClaims
}

/** What the filter answers when nothing is missing: the tokens that Okapi hands to the modules. */
function allowed(
  { headers, tenant, caller }: Asked,
  permissions: readonly string[],
  userId: string | undefined,
): Reply {
  const token = one(headers['x-okapi-token']) ?? sign(caller)
  const tokens: Record<string, string> = { _: token }
  for (const [module, rights] of Object.entries(modulePermissions(headers))) {
    tokens[module] = sign({
      type: 'module',
      tenant,
      sub: caller.sub,
      module,
      extra_permissions: rights,
      ...(userId === undefined ? {} : { user_id: userId }),
    })
  }
  return {
    status: 202,
    headers: {
      'X-Okapi-Token': token,
      'X-Okapi-Permissions': JSON.stringify(permissions),
      'X-Okapi-Module-Tokens': JSON.stringify(tokens),
      ...(userId === undefined ? {} : { 'X-Okapi-User-Id': userId }),
    },
  }
}

/** RouteApi: the module's own routes, and the permission that the caller's module token must have. */
const ROUTES: readonly (readonly [endpoint: string, permission: string | null])[] = [
  ['/_/tenant', null],
  ['/token/sign', 'auth.token.sign.post'],
  ['/token', 'auth.token.post'],
]

/**
 * Route.handleRoute: called as a filter, it answers with a permission that it has made up, and with that
 * permission in X-Okapi-Permissions it signs. A caller that knows the permission and can reach the port needs
 * only any valid token of the tenant.
 */
function signOrAllow(asked: Asked, [endpoint, permission]: (typeof ROUTES)[number], body: string) {
  const { headers, tenant, caller } = asked
  const magic = `${Buffer.from(endpoint).toString('base64')}.execute`
  if (permissionsIn(headers).includes(magic)) return signed(endpoint, tenant, body)
  if (permission === null || (caller.extra_permissions ?? []).includes(permission)) {
    return allowed(asked, [magic], caller.user_id)
  }
  const error = `Missing required module-level permissions for endpoint '${endpoint}': ${permission}`
  return no(401, error)
}

function permissionsIn(headers: IncomingHttpHeaders): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(one(headers['x-okapi-permissions']) ?? '[]')
    return Array.isArray(list) ? list : []
  } catch {
    return []
  }
}

function signed(endpoint: string, tenant: string, body: string): Reply {
  const { payload }: { payload: { sub: string; user_id?: string } } = JSON.parse(body)
  const { sub, user_id } = payload
  const claims: IssuedClaims = {
    ...{ type: 'access', tenant, sub },
    ...(user_id === undefined ? {} : { user_id }),
  }
  if (endpoint === '/token') return { status: 201, json: { token: sign(claims) } }
  const exp = Math.floor(Date.now() / 1000) + 600
  const accessTokenExpiration = new Date(exp * 1000).toISOString()
  return { status: 201, json: { accessToken: sign({ ...claims, exp }), accessTokenExpiration } }
}

/** ModulePermissionsSource.expandPermissions, for callers with permissions of a module. */
async function expandsPermissions({ headers, tenant, caller }: Asked): Promise<boolean> {
  const extra = caller.extra_permissions ?? []
  if (!asksOkapi || caller.type === 'dummy' || extra.length === 0) return true
  const query = extra.map((name) => `permissionName=="${name}"`).join(' or ')
  const path = `/perms/permissions?expanded=true&query=${encodeURIComponent(`(${query})`)}`
  return (await askOkapi(headers, tenant, path)).status === 200
}

/** The permissions of the caller's user, or an error answer. */
async function userPermissions({ headers, tenant, caller }: Asked): Promise<string[] | Reply> {
  const { user_id: id } = caller
  if (id === undefined || caller.type === 'dummy') return []
  if (!asksOkapi) return PERMISSIONS.get(id) ?? []
  const user = await askOkapi(headers, tenant, `/users/${id}`)
  if (user.status !== 200)
    return no(401, `Invalid token: Unexpected user response code ${user.status}`)
  const path = `/perms/users/${id}/permissions?expanded=true&indexField=userId`
  const { status, json } = await askOkapi(headers, tenant, path)
  if (status === 404) return no(400, `User does not exist: ${id}`)
  if (status !== 200) return no(400, `Unable to retrieve permissions (code ${status})`)
  return (json as { permissionNames: string[] }).permissionNames
}

/** With a token that it signs for itself, without a user. */
async function askOkapi(headers: IncomingHttpHeaders, tenant: string, path: string) {
  const extra_permissions = [
    ...['perms.permissions.collection.get', 'perms.permissions.item.get', 'perms.users.get'],
    'users.item.get',
  ]
  const token = sign({ type: 'dummy', tenant, sub: '_AUTHZ_MODULE_', extra_permissions })
  const { statusCode, body } = await ask(`${one(headers['x-okapi-url'])}${path}`, {
    headers: { 'X-Okapi-Tenant': tenant, 'X-Okapi-Token': token },
  })
  const text = await body.text()
  return { status: statusCode, json: statusCode === 200 ? JSON.parse(text) : undefined }
}

function whoCalls(headers: IncomingHttpHeaders, tenant: string): IssuedClaims | undefined {
  const token = one(headers['x-okapi-token'])
  return token === undefined ? { type: 'dummy', tenant, sub: 'UNDEFINED_USER__' } : verified(token)
}

function desired(headers: IncomingHttpHeaders, held: readonly string[]): string[] {
  return list(headers['x-okapi-permissions-desired']).filter((name) => held.includes(name))
}

function modulePermissions(headers: IncomingHttpHeaders): Record<string, string[]> {
  return JSON.parse(one(headers['x-okapi-module-permissions']) ?? '{}')
}

/** ProxyService.authHeaders joins them with commas. */
function list(value: string | string[] | undefined): string[] {
  return one(value)?.split(',') ?? []
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

function no(status: number, error: string): Reply {
  return { status, json: { error } }
}

/** Stands in for a login: the demo has no mod-login. */
function annasToken(): string {
  const exp = Math.floor(Date.now() / 1000) + 600
  return sign({ type: 'access', tenant: TENANT, sub: ANNA.username, user_id: ANNA.id, exp })
}

/** The token of a module's timer job: it names no user, so a header may name one. */
function jobsToken(): string {
  const rights = ['tags.collection.get']
  const module = MODULES.tags
  return sign({
    type: 'module',
    tenant: TENANT,
    sub: '_AUTHZ_MODULE_',
    module,
    extra_permissions: rights,
  })
}

runModule({
  route: authorize,
  asks: { annasToken, jobsToken },
})

/** The claims of a token (mod-authtoken, tokens/*). */
export interface IssuedClaims {
  readonly type: 'access' | 'module' | 'dummy'
  readonly tenant: string
  readonly sub: string
  readonly user_id?: string
  readonly module?: string
  readonly extra_permissions?: readonly string[]
  /** Seconds since 1970; module tokens have none and never expire. */
  readonly exp?: number
}

/** As without `jwt.signing.key`: a new one in every run. */
const secret = randomBytes(32)

/** Signs with HS256, as mod-authtoken does (TokenCreator). */
function sign(claims: IssuedClaims): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`
  return `${signed}.${mac(signed).toString('base64url')}`
}

/** The claims of a token that was signed here and is valid now, or undefined. */
function verified(token: string): IssuedClaims | undefined {
  const [head = '', payload = '', signature = ''] = token.split('.')
  const given = Buffer.from(signature, 'base64url')
  const wanted = mac(`${head}.${payload}`)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined
  const claims: IssuedClaims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  return claims.exp !== undefined && claims.exp < Date.now() / 1000 ? undefined : claims
}

function mac(text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest()
}
