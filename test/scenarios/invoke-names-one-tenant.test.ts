import test from 'ava'
import {
  ask,
  fields,
  get,
  ID,
  Installation,
  request,
  token,
  verdictOf,
} from '../support/scenario.ts'

// Okapi adds a tenant header of its own to /_/invoke/tenant/{t}/REST (ProxyService.redirectProxy):
// with that of the caller the module would get two.

let installation: Installation

test.before(async () => {
  const why = 'callbacks of an identity provider'
  const grant = { caller: ID.notes, at: 'okapi', methods: ['POST', 'GET'], why }
  const grants = ['users', 'tags', '*'].map((rest) => ({
    ...grant,
    path: `/_/invoke/tenant/{tenantId}/${rest}`,
  }))
  const policy = { grants }
  const more = { [ID.notes]: { policy }, [ID.okapi]: { policy } }
  installation = await Installation.open({ modules: [ID.notes], more })
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(() => installation?.close())

const USERS = '/_/invoke/tenant/diku/users?a=b'

async function calls(target: string, ...lines: string[]): Promise<string> {
  return verdictOf(await ask(installation.egress(ID.notes), request(`POST ${target}`, lines, '{}')))
}

test.serial('an equal X-Okapi-Tenant beside it is taken off', async (t) => {
  t.is(await calls(USERS, 'X-Before: 1', 'X-Okapi-Tenant: diku', 'X-After: 1'), '200')
  t.is(installation.okapi.last.first, `POST ${USERS} HTTP/1.1`)
  t.deepEqual(fields(installation.okapi.last, 'X-Okapi-Tenant'), [])
  t.deepEqual(fields(installation.okapi.last, 'X-After'), ['1'])
})

test.serial('another one is refused, and nothing arrives', async (t) => {
  t.is(await calls(USERS, 'X-Okapi-Tenant: other'), '403 tenant-mismatch')
  t.is(await calls(USERS, 'X-Okapi-Tenant: Diku'), '403 tenant-mismatch')
  t.is(installation.okapi.bytes, '')
})

test.serial('without X-Okapi-Tenant the path names the tenant, not the token', async (t) => {
  t.is(await calls(USERS), '200')
  t.is(await calls(USERS, `X-Okapi-Token: ${token({ tenant: 'diku' })}`), '200')
  const other = `X-Okapi-Token: ${token({ tenant: 'supertenant' })}`
  t.is(await calls(USERS, other), '403 tenant-mismatch', 'it counts as what it becomes')
  t.is(await calls(USERS.replace('diku', 'supertenant')), '403 tenant-not-allowed')
})

test.serial('an invoked route is judged as if it were called directly', async (t) => {
  // The grant opens the way in; the interface `tags` is not required by mod-notes.
  t.is(await calls('/_/invoke/tenant/diku/tags'), '403 interface-not-required')
  t.is(await calls('/_/invoke/tenant/diku/_/proxy/tenants'), '403 admin-route')
  t.is(await calls('/_/invoke/tenant/diku/nothing'), '404 route-not-declared')
  t.is(installation.okapi.bytes, '')
})

test.serial('without a grant it stays shut', async (t) => {
  const where = await installation.ingress(ID.okapi, ID.okapi)
  t.is(verdictOf(await ask(where, get(USERS))), '403 admin-route')
  t.is(installation.okapi.bytes, '')
})
