import type { IncomingHttpHeaders } from 'node:http'
import { MODULES } from './members.ts'
import { type Reply, runModule } from './module.ts'
import { type IssuedClaims, sign, verified } from './tokens.ts'
import { ANNA, TENANT } from './users.ts'

/** What mod-permissions would say. */
const PERMISSIONS = new Map([
  [ANNA.id, ['notes.item.get', 'tags.collection.get', 'tags.item.get', 'users.collection.get']],
])

/**
 * FilterApi.handleAuthorize: it judges the caller's token when there is one, and makes a dummy when
 * there is none. Then it signs a module token for every entry of X-Okapi-Module-Permissions. The
 * header is believed, because only Okapi, which removes it from the requests of others, should reach this.
 */
function authorize(headers: IncomingHttpHeaders, tenant: string): Reply {
  const caller = whoCalls(headers, tenant)
  if (caller === undefined) return no(401, 'Invalid token')
  if (caller.tenant !== tenant) return no(403, 'Invalid token: tenant differs')
  const named = one(headers['x-okapi-user-id'])
  if (named !== undefined && caller.user_id !== undefined && named !== caller.user_id) {
    return no(403, 'Invalid token: user differs')
  }
  const userId = named ?? caller.user_id
  const held = [
    ...(PERMISSIONS.get(caller.user_id ?? '') ?? []),
    ...(caller.extra_permissions ?? []),
  ]
  const missing = list(headers['x-okapi-permissions-required']).find((name) => !held.includes(name))
  if (missing !== undefined) return no(403, `Access for user requires permission: ${missing}`)
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
      'X-Okapi-Permissions': JSON.stringify(desired(headers, held)),
      'X-Okapi-Module-Tokens': JSON.stringify(tokens),
      ...(userId === undefined ? {} : { 'X-Okapi-User-Id': userId }),
    },
  }
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

/** What a module's timer job runs with: it names no user, so a header may. */
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
  route: ({ request, tenant }) => authorize(request.headers, tenant),
  asks: { annasToken, jobsToken },
})
