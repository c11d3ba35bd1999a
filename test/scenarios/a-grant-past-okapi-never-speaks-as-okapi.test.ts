import test from 'ava'
import {
  ask,
  field,
  get,
  ID,
  Installation,
  request,
  token,
  verdictOf,
} from '../support/scenario.ts'

// A grant at a module's own ingress lets in who is not Okapi: by the same port, and not as Okapi. It says
// no more than it could say to Okapi, and past Okapi no one verifies a token or asks whether there is
// such a tenant.

const PROM = 'client/prom'
const ANNA = 'operator/anna'
const GRANTS = [
  { caller: PROM, at: 'mod-notes', methods: ['GET'], path: '/metrics' },
  { caller: PROM, at: 'mod-notes', interface: 'notes' },
  { caller: 'mod-tags', at: 'mod-notes', interface: 'notes' },
  { caller: ANNA, at: 'mod-notes', interface: 'notes' },
  { caller: ANNA, at: 'mod-notes', methods: ['GET'], path: '/metrics' },
  { caller: ANNA, at: 'mod-notes', tenants: ['supertenant'] },
].map((grant) => ({ ...grant, why: 'a test' }))
const DIRECT = [PROM, ID.tags, ANNA]

let installation: Installation
test.before(async () => {
  installation = await Installation.open({
    modules: [ID.notes],
    more: { [ID.notes]: { policy: { grants: GRANTS } } },
  })
  for (const caller of DIRECT) await installation.place.certificate(caller)
})
test.beforeEach(() => {
  installation.module(ID.notes).forget()
  installation.okapi.forget()
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'
const arrived = () =>
  installation.module(ID.notes).last.lines.filter((line) => !/^(host|traceparent):/i.test(line))

async function asks(as: string, text: string): Promise<string> {
  return verdictOf(await ask(await installation.ingress(ID.notes, as), text))
}

const FORGED = [
  'X-Okapi-Permissions: ["notes.all"]',
  'X-Okapi-User-Id: admin',
  'X-Okapi-Filter: auth /notes',
  'X-Okapi-Module-Permissions: {}',
  'X-Okapi-Module-Tokens: {}',
  'X-Okapi-Extra-Permissions: []',
  'X-Okapi-Auth-Result: 200',
  'X-Okapi-Handler-Headers: {}',
  'X-Okapi-Url-to: http://evil',
  'X-Okapi-Stop: true',
  'x-okapi-unheard-of: 1',
  'X-Okapi-request-ip: 10.0.0.1',
  'X-HTTP-Method-Override: DELETE',
  'X-Original-URL: /_/tenant',
  'X-Rewrite-URL: /_/tenant',
  'X-Forwarded-For: 10.0.0.1',
  'Forwarded: for=10.0.0.1',
  'X-Real-IP: 10.0.0.1',
  'Authtoken-Refresh-Cache: true',
  'X-Sidecar-Caller: okapi-7.2.0',
  'X-Sidecar-Exchange: 1',
  'Cookie: a=1; folioAccessToken=stolen',
]

test.serial(
  'headers that only Okapi may send are refused from all others, and no byte arrives',
  async (t) => {
    for (const as of DIRECT) {
      for (const line of FORGED) {
        t.is(await asks(as, get('/notes/1', T, line)), '403 forbidden-header', `${as} ${line}`)
      }
      t.is(installation.module(ID.notes).bytes, '')
      const fine = [T, `X-Okapi-Token: ${token({ tenant: 'diku' })}`, 'Cookie: a=1', 'X-Scrape: 10']
      t.is(await asks(as, get('/notes/1', ...fine, 'X-Okapi-Module-Id: mod-x-1.0.0')), '200')
      t.deepEqual(arrived(), fine, 'Okapi would have taken X-Okapi-Module-Id off')
      installation.module(ID.notes).forget()
    }
  },
)

test.serial('from Okapi all of it arrives', async (t) => {
  const said = [T, ...FORGED].filter((line) => !/^(Cookie|X-Sidecar|X-Okapi-Url)/i.test(line))
  t.is(await asks(ID.okapi, get('/notes/1', ...said)), '200')
  t.deepEqual(arrived(), said)
})

test.serial('a user id arrives beside a token that names the user, and only so', async (t) => {
  const named = `X-Okapi-Token: ${token({ tenant: 'diku', user_id: 'u1' })}`
  t.is(await asks(ID.tags, get('/notes', T, named, 'X-Okapi-User-Id: u1')), '200')
  t.is(await asks(ID.tags, get('/notes', T, named, 'X-Okapi-User-Id: u2')), '403 forbidden-header')
})

for (const [what, lines, verdict] of [
  ['an ordinary tenant', [T], '200'],
  ['the supertenant', ['X-Okapi-Tenant: supertenant'], '403 tenant-not-allowed'],
  ['the supertenant as RMB reads it', ['X-Okapi-Tenant: SuperTenant'], '403 tenant-not-allowed'],
  ['what is no name', ['X-Okapi-Tenant: diku/../x'], '403 tenant-not-allowed'],
  ['the claim of a token', [`X-Okapi-Token: ${token({ tenant: 'diku' })}`], '200'],
  [
    'a claim of the supertenant',
    [`X-Okapi-Token: ${token({ tenant: 'supertenant' })}`],
    '403 tenant-not-allowed',
  ],
  [
    'a claim of the supertenant in Authorization',
    [`Authorization: Bearer ${token({ tenant: 'supertenant' })}`],
    '403 tenant-not-allowed',
  ],
  [
    'a token of another tenant than the header',
    [T, `X-Okapi-Token: ${token({ tenant: 'supertenant' })}`],
    '403 tenant-mismatch',
  ],
] as const) {
  test.serial(`past Okapi, for ${what}: ${verdict}`, async (t) => {
    for (const as of [PROM, ID.tags]) t.is(await asks(as, get('/notes', ...lines)), verdict, as)
  })
}

test.serial(
  'a route of an interface needs a tenant, metrics need none and may name one',
  async (t) => {
    for (const as of [PROM, ID.tags]) t.is(await asks(as, get('/notes')), '403 tenant-not-allowed')
    t.is(await asks(PROM, get('/metrics')), '200')
    t.is(await asks(PROM, get('/metrics', T)), '200')
    const named = 'X-Okapi-Tenant: supertenant'
    t.is(await asks(PROM, get('/metrics', named)), '403 tenant-not-allowed')
  },
)

test.serial(
  'a grant of tenants opens the supertenant for its caller and its module only',
  async (t) => {
    for (const lines of [['X-Okapi-Tenant: supertenant'], [], [T]]) {
      t.is(await asks(ANNA, get('/notes', ...lines)), '200')
      t.is(await asks(ANNA, get('/metrics', ...lines)), '200')
    }
    t.is(await asks(ANNA, get('/notes', 'X-Okapi-Tenant: a b')), '403 tenant-not-allowed')
  },
)

test.serial('X-Okapi-Url is replaced by the egress, and nothing of it is remembered', async (t) => {
  const egress = `http://localhost:${installation.egress(ID.notes)}`
  for (const as of DIRECT) {
    for (const url of ['http://x/users', 'http://x/users/', 'https://okapi', 'rubbish']) {
      t.is(await asks(as, get('/notes/1', T, `X-Okapi-Url: ${url}`)), '200')
      t.is(field(installation.module(ID.notes).last, 'X-Okapi-Url'), egress)
      const own = await ask(installation.egress(ID.notes), get('/users/1', T))
      t.is(verdictOf(own), '200')
      t.is(installation.okapi.last.first, 'GET /users/1 HTTP/1.1', `${as} ${url}`)
    }
  }
  // Okapi's path is remembered, as ever, and stays what it was.
  t.is(await asks(ID.okapi, get('/notes/1', T, 'X-Okapi-Url: https://folio.org/okapi')), '200')
  t.is(field(installation.module(ID.notes).last, 'X-Okapi-Url'), `${egress}/okapi`)
  t.is(await asks(PROM, get('/notes/1', T, 'X-Okapi-Url: http://x/users')), '200')
  await ask(installation.egress(ID.notes), get('/okapi/users/1', T))
  t.is(installation.okapi.last.first, 'GET /users/1 HTTP/1.1')
})

test.serial('Okapi’s health question is Okapi’s alone', async (t) => {
  for (const as of DIRECT) t.is(await asks(as, get('/')), '403 route-not-declared')
  t.is(await asks(ID.okapi, get('/')), '200')
  t.is(installation.module(ID.notes).bytes, '')
})

// Python's http.server answers without it, and takes it for its next request.
test.serial('behind a body by length its connection to the module ends', async (t) => {
  const ends = async (as: string, body: string, ...lines: string[]) => {
    const head = ['POST /notes HTTP/1.1', 'Host: x', T, ...lines, '', body]
    t.is(await asks(as, head.join('\r\n')), '200')
    return field(installation.module(ID.notes).last, 'Connection') === 'close'
  }
  for (const as of DIRECT) {
    t.true(await ends(as, '{}', 'Content-Length: 2'))
    t.false(await ends(as, '', 'Content-Length: 0'))
    t.false(await ends(as, '2\r\n{}\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'))
  }
  t.false(await ends(ID.okapi, '{}', 'Content-Length: 2'))
})

test.serial('a system route is for Okapi alone', async (t) => {
  for (const as of DIRECT)
    t.is(await asks(as, request('POST /_/tenant', [T])), '403 caller-not-allowed')
  t.is(await asks(ID.okapi, request('POST /_/tenant', [T])), '200')
})
