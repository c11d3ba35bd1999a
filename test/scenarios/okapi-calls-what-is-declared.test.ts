import test from 'ava'
import { ask, field, ID, Installation, request, verdictOf } from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  installation = await Installation.open({
    modules: [ID.notes, ID.users, ID.authtoken, ID.saml, ID.tags],
  })
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'

/** Okapi calls a module; the verdict, and what arrived there. */
async function okapiCalls(id: string, start: string, ...lines: string[]): Promise<string> {
  const module = installation.module(id)
  module.forget()
  const [method, path] = start.split(' ')
  const answered = await ask(
    installation.modules,
    request(`${method} /${id}${path}`, [T, ...lines]),
  )
  return [verdictOf(answered), ...module.requests.map(({ first }) => first)].join(', ')
}

const REFUSED = '403 route-not-declared'

test.serial('ordinary routes, and nothing beside them', async (t) => {
  t.is(await okapiCalls(ID.users, 'GET /users/1'), '200, GET /users/1 HTTP/1.1')
  for (const start of ['PATCH /users/1', 'GET /users/1/x', 'GET /users/', 'GET /Users']) {
    t.is(await okapiCalls(ID.users, start), REFUSED, start)
  }
})

test.serial('system interfaces and timers', async (t) => {
  t.is(await okapiCalls(ID.users, 'POST /_/tenant'), '200, POST /_/tenant HTTP/1.1')
  t.is(await okapiCalls(ID.users, 'DELETE /_/tenant/7'), '200, DELETE /_/tenant/7 HTTP/1.1')
  t.is(
    await okapiCalls(ID.users, 'POST /users/expire/timer'),
    '200, POST /users/expire/timer HTTP/1.1',
  )
  t.is(await okapiCalls(ID.users, 'PUT /_/tenant'), REFUSED)
  t.is(await okapiCalls(ID.users, 'POST /_/tenantPermissions'), REFUSED)
  t.is(await okapiCalls(ID.tags, 'POST /users/expire/timer'), REFUSED)
})

test.serial('a timer of a module is nothing that another module may call', async (t) => {
  const timer = request('POST /users/expire/timer', [T])
  t.is(verdictOf(await ask(installation.egress(ID.notes), timer)), REFUSED)
  t.is(verdictOf(await ask(installation.egress(ID.notes), request('POST /users', [T]))), '200')
})

test.serial('undeclared routes that RMB serves stay closed', async (t) => {
  for (const start of ['POST /admin/importSQL', 'GET /admin/health', 'GET /metrics']) {
    t.is(await okapiCalls(ID.users, start), REFUSED, start)
  }
})

test.serial('OPTIONS where a handler delegates CORS, and nowhere else', async (t) => {
  const preflight = ['Origin: https://library.example', 'Access-Control-Request-Method: POST']
  const saml = await okapiCalls(ID.saml, 'OPTIONS /saml/login', ...preflight)
  t.is(saml, '200, OPTIONS /saml/login HTTP/1.1')
  t.is(field(installation.module(ID.saml).last, 'Origin'), 'https://library.example')
  t.is(await okapiCalls(ID.saml, 'OPTIONS /saml/check', ...preflight), REFUSED)
  t.is(await okapiCalls(ID.users, 'OPTIONS /users', ...preflight), REFUSED)
})

test.serial(
  'a filter of mod-authtoken takes every path and method, from Okapi alone',
  async (t) => {
    for (const start of ['GET /anything/at/all', 'DELETE /users/1', 'OPTIONS /x', 'PATCH /']) {
      t.is(await okapiCalls(ID.authtoken, start), `200, ${start} HTTP/1.1`)
    }
    installation.module(ID.authtoken).forget()
    const direct = await installation.ingress(ID.authtoken, ID.notes)
    const sign = request('POST /token/sign', [T, 'X-Okapi-Module-Permissions: {"x":["all"]}'], '{}')
    t.is(verdictOf(await ask(direct, sign)), '403 caller-not-allowed')
    t.is(installation.module(ID.authtoken).bytes, '')
  },
)

test.serial('headers that Okapi sends to the auth filter reach it unchanged', async (t) => {
  const said = [
    'X-Okapi-Filter: auth',
    'X-Okapi-Permissions-Required: users.item.get',
    'X-Okapi-Module-Permissions: {}',
    'X-Okapi-User-Id: anna',
    'X-Okapi-request-ip: 10.0.0.1',
  ]
  t.regex(await okapiCalls(ID.authtoken, 'GET /users', ...said), /^200/)
  const { lines } = installation.module(ID.authtoken).last
  t.deepEqual(
    lines.filter((line) => said.includes(line)),
    said,
  )
})

test.serial('a `multiple` interface needs the module’s name beside it', async (t) => {
  const fields = (...lines: string[]) => request('GET /custom-fields', [T, ...lines])
  const from = (id: string, ...lines: string[]) =>
    ask(installation.egress(id), fields(...lines)).then(verdictOf)
  const named = `X-Okapi-Module-Id: ${ID.users}`
  // mod-users provides it itself, so it may call it.
  t.is(await from(ID.users, named), '200')
  t.is(field(installation.okapi.last, 'X-Okapi-Module-Id'), ID.users)
  t.is(await from(ID.users), REFUSED)
  t.is(await from(ID.users, 'X-Okapi-Module-Id: mod-users-19.7.1'), REFUSED)
  t.is(await from(ID.notes, named), '403 interface-not-required')
})
