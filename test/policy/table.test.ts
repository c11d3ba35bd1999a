import test from 'ava'
import { ask, policyOf, type Rules, word } from './tools.ts'

const handlers = (...routes: readonly string[]) =>
  routes.map((route) => {
    const [methods, pathPattern] = route.split(' ')
    return { methods: methods!.split(','), pathPattern, permissionsRequired: [] }
  })
const tenantInterface = {
  id: '_tenant',
  version: '2.0',
  interfaceType: 'system',
  handlers: handlers('POST /_/tenant', 'GET,DELETE /_/tenant/{id}'),
}
const many = (routes: readonly object[]) => ({
  id: 'many',
  version: '1.1',
  interfaceType: 'multiple',
  handlers: routes,
})

// mod-b is there twice, once fitting. `far` exists only in a version that fits no caller, `gone` nowhere.
const SET = [
  {
    id: 'mod-a-1.0.0',
    requires: [
      { id: 'b', version: '1.0' },
      { id: 'gone', version: '1.0' },
      { id: 'far', version: '1.0' },
    ],
    optional: [
      { id: 'c', version: '1.0' },
      { id: 'many', version: '1.0' },
    ],
    provides: [
      { id: 'a', version: '1.0', handlers: handlers('GET /a', 'POST /a') },
      tenantInterface,
    ],
  },
  {
    id: 'mod-b-1.2.0',
    provides: [
      { id: 'b', version: '1.2', handlers: handlers('GET,PUT /b/{id}') },
      many(handlers('GET /many')),
      tenantInterface,
      {
        id: '_timer',
        version: '1.0',
        interfaceType: 'system',
        handlers: [{ pathPattern: '/b/timer', unit: 'second', delay: '1' }],
      },
    ],
  },
  {
    id: 'mod-b-2.0.0',
    provides: [{ id: 'b', version: '2.0', handlers: handlers('GET,PUT /b/{id}') }],
  },
  {
    id: 'mod-c-1.0.0',
    provides: [
      { id: 'c', version: '1.0', handlers: handlers('GET /c', 'GET /c/{id}') },
      { id: 'far', version: '2.0', handlers: handlers('GET /far') },
      { id: 'd', version: '1.0', handlers: handlers('GET /d', 'GET /c/special') },
    ],
  },
  {
    id: 'mod-auth-1.0.0',
    provides: [{ id: 'auth', version: '1.0', handlers: handlers('POST /token') }],
    filters: [{ methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }],
  },
  { id: 'mod-rogue-1.0.0' },
]

const GRANTS = [
  { caller: 'mod-rogue-1.0.0', at: 'okapi', interface: 'd', why: 'test' },
  { caller: 'mod-rogue', at: 'okapi', methods: ['GET'], path: '/far', why: 'test' },
  { caller: 'mod-rogue', at: 'okapi', methods: ['GET'], path: '/_/proxy/tenants/*', why: 'test' },
  { caller: 'mod-rogue', at: 'okapi', methods: ['*'], path: '/_/invoke/*', why: 'test' },
  { caller: 'mod-rogue', at: 'okapi', tenants: ['supertenant'], why: 'test' },
  { caller: 'mod-rogue', at: 'mod-b', interface: 'b', why: 'test' },
  { caller: 'operator/anna', at: 'okapi', admin: ['read'], why: 'test' },
  { caller: 'operator/anna', at: 'mod-c', methods: ['GET'], path: '/metrics', why: 'test' },
  { caller: 'client/sms', at: 'okapi', interface: 'b', why: 'test' },
  { caller: 'client/sms', at: 'mod-c-1.0.0', methods: ['GET'], path: '/c', why: 'test' },
]

const SETTINGS: Readonly<Record<string, Rules>> = {
  enforce: {},
  report: { mode: 'report' },
  'report-d': { reported: ['d'] },
  granted: { grants: GRANTS },
  'high-d': { grants: GRANTS, sensitivity: { d: 'high', far: 'high' } },
  'caller-out': { quarantine: [{ module: 'mod-a', why: 'test' }] },
  'b1-out': { quarantine: [{ module: 'mod-b <2', why: 'test' }] },
  'b-out': { mode: 'report', quarantine: [{ module: 'mod-b', why: 'test' }] },
}

// Every expectation is a word in this table; nothing here is computed. PREFLIGHT is the OPTIONS of a
// browser that asks for permission.
const TABLE = `
enforce    mod-a-1.0.0      okapi         GET  /a                                    own
enforce    mod-a-1.0.0      okapi         GET  /b/1                                  requires
enforce    mod-a-1.0.0      okapi         GET  /b/1?a=../..//%2f                     requires
enforce    mod-a-1.0.0      okapi         GET  /c                                    optional
enforce    mod-a-1.0.0      okapi         GET  /far                                  interface-version-mismatch
enforce    mod-a-1.0.0      okapi         GET  /gone                                 route-not-declared
enforce    mod-a-1.0.0      okapi         GET  /d                                    interface-not-required
enforce    mod-a-1.0.0      okapi         GET  /c/1                                  optional
enforce    mod-a-1.0.0      okapi         GET  /c/special                            interface-not-required
enforce    mod-a-1.0.0      okapi         DELETE /b/1                                route-not-declared
enforce    mod-a-1.0.0      okapi         HEAD /b/1                                  route-not-declared
enforce    mod-a-1.0.0      okapi         OPTIONS /b/1                               route-not-declared
enforce    mod-a-1.0.0      okapi         get  /b/1                                  route-not-declared
enforce    mod-a-1.0.0      okapi         GET  /b/                                   route-not-declared
enforce    mod-a-1.0.0      okapi         GET  /b/1/                                 route-not-declared
enforce    mod-a-1.0.0      okapi         GET  /B/1                                  route-not-declared
enforce    mod-a-1.0.0      okapi         GET  /many                                 route-not-declared
enforce    mod-a-1.0.0      okapi         GET  /_/tenant                             admin-route
enforce    mod-a-1.0.0      okapi         GET  /_/proxy/tenants                      admin-route
enforce    mod-a-1.0.0      okapi         GET  /_/anything                           admin-route
enforce    mod-a-1.0.0      okapi         GET  /_                                    admin-route
enforce    mod-a-1.0.0      okapi         GET  /%5f/proxy/tenants                    admin-route
enforce    mod-a-1.0.0      okapi         GET  /_/invoke/tenant/diku/b/1             admin-route
enforce    mod-a-1.0.0      okapi-7.2.0   GET  /b/1                                  requires
enforce    mod-a-1.0.1      okapi         GET  /b/1                                  caller-not-allowed
enforce    mod-rogue-1.0.0  okapi         GET  /b/1                                  interface-not-required
enforce    okapi-7.2.0      okapi         GET  /b/1                                  caller-not-allowed
enforce    operator/anna    okapi         GET  /b/1                                  caller-not-allowed
enforce    client/sms       okapi         GET  /b/1                                  caller-not-allowed
enforce    none             okapi         GET  /b/1                                  caller-not-allowed
enforce    public           okapi         GET  /b/1                                  default
enforce    public           okapi         GET  /nothing                              route-not-declared
enforce    public           okapi         PREFLIGHT /nothing                         default
enforce    public           okapi         PREFLIGHT /_/proxy/tenants                 default
enforce    public           okapi         PREFLIGHT /%5f/proxy/tenants               admin-route
enforce    public           okapi         PREFLIGHT /_/%69nvoke/tenant/t/x           admin-route
enforce    public           okapi         OPTIONS /nothing                           route-not-declared
enforce    public           okapi         OPTIONS /b/1                               route-not-declared
enforce    public           okapi         OPTIONS /_/proxy/tenants                   admin-route
enforce    mod-a-1.0.0      okapi         PREFLIGHT /b/1                             route-not-declared
enforce    okapi-7.2.0      mod-a-1.0.0   PREFLIGHT /a                               route-not-declared
enforce    public           okapi         GET  /_/version                            grant
enforce    public           okapi         POST /_/version                            admin-route
enforce    public           okapi         GET  /_/proxy/tenants/diku/modules?full=1  grant
enforce    public           okapi         GET  /_/proxy/tenants                      admin-route
enforce    public           okapi         GET  /_/invoke/tenant/diku/b/1             admin-route
enforce    public           okapi         POST /_/invoke/tenant/diku/saml/login      route-not-declared
enforce    okapi-7.2.0      mod-a-1.0.0   GET  /a                                    own
enforce    okapi-7.2.0      mod-a-1.0.0   PUT  /a                                    route-not-declared
enforce    okapi-7.2.0      mod-a-1.0.0   GET  /b/1                                  route-not-declared
enforce    okapi-7.2.0      mod-a-1.0.0   GET  /admin/importSQL                      route-not-declared
enforce    okapi-7.2.0      mod-a-1.0.0   POST /_/tenant                             system
enforce    okapi-7.2.0      mod-a-1.0.0   PUT  /_/tenant                             route-not-declared
enforce    okapi-7.2.0      mod-a-1.0.0   DELETE /_/tenant/1                         system
enforce    okapi-7.2.0      mod-a-1.0.0   GET  /                                     health
enforce    okapi-7.2.0      mod-a-1.0.0   HEAD /                                     route-not-declared
enforce    okapi-7.2.0      mod-a-1.0.0   GET  /?x=1                                 route-not-declared
enforce    okapi-7.2.0      mod-b-1.2.0   GET  /many                                 own
enforce    okapi-7.2.0      mod-b-1.2.0   POST /b/timer                              system
enforce    okapi-7.2.0      mod-b-1.2.0   GET  /b/timer                              own
enforce    okapi-7.2.0      mod-auth-1.0.0 POST /token                               own
enforce    okapi-7.2.0      mod-auth-1.0.0 PATCH /any/thing                          own
enforce    okapi-7.2.0      mod-auth-1.0.0 GET /                                     health
enforce    okapi-7.2.0      mod-x-1.0.0   GET  /a                                    route-not-declared
enforce    okapi-test-1     mod-a-1.0.0   GET  /a                                    caller-not-allowed
enforce    mod-a-1.0.0      mod-a-1.0.0   GET  /a                                    caller-not-allowed
enforce    mod-a-1.0.0      mod-b-1.2.0   GET  /b/1                                  caller-not-allowed
enforce    mod-a-1.0.0      mod-b-1.2.0   GET  /                                     caller-not-allowed
enforce    mod-a-1.0.0      mod-auth-1.0.0 POST /token                               caller-not-allowed
enforce    public           mod-a-1.0.0   GET  /a                                    caller-not-allowed
enforce    none             mod-a-1.0.0   GET  /a                                    caller-not-allowed
report     mod-a-1.0.0      okapi         GET  /b/1                                  requires
report     mod-a-1.0.0      okapi         GET  /d                                    report:interface-not-required
report     mod-a-1.0.0      okapi         GET  /far                                  report:interface-version-mismatch
report     mod-a-1.0.0      okapi         GET  /gone                                 route-not-declared
report     mod-a-1.0.0      okapi         GET  /_/proxy/tenants                      admin-route
report     mod-a-1.0.0      okapi         POST /token                                interface-not-required
report     mod-a-1.0.1      okapi         GET  /b/1                                  caller-not-allowed
report     operator/anna    okapi         GET  /b/1                                  caller-not-allowed
report     none             okapi         GET  /b/1                                  caller-not-allowed
report     mod-a-1.0.0      mod-b-1.2.0   GET  /b/1                                  caller-not-allowed
report     mod-a-1.0.0      mod-auth-1.0.0 POST /token                               caller-not-allowed
report     okapi-7.2.0      mod-a-1.0.0   PUT  /a                                    route-not-declared
report-d   mod-a-1.0.0      okapi         GET  /d                                    report:interface-not-required
report-d   mod-a-1.0.0      okapi         GET  /far                                  interface-version-mismatch
granted    mod-rogue-1.0.0  okapi         GET  /d                                    grant
granted    mod-rogue-1.0.0  okapi         GET  /far                                  grant
granted    mod-rogue-2.0.0  okapi         GET  /far                                  caller-not-allowed
granted    mod-rogue-1.0.0  okapi         GET  /b/1                                  interface-not-required
granted    mod-rogue-1.0.0  okapi         GET  /nothing                              route-not-declared
granted    mod-rogue-1.0.0  okapi         GET  /_/proxy/tenants/diku                 grant
granted    mod-rogue-1.0.0  okapi         POST /_/proxy/tenants/diku                 admin-route
granted    mod-rogue-1.0.0  okapi         GET  /_/proxy/modules                      admin-route
granted    mod-rogue-1.0.0  okapi         GET  /_/invoke/tenant/diku/d               grant
granted    mod-rogue-1.0.0  okapi         GET  /_/invoke/tenant/diku/b/1             interface-not-required
granted    mod-rogue-1.0.0  okapi         GET  /_/invoke/tenant/diku/_/proxy/tenants/x admin-route
granted    mod-rogue-1.0.0  okapi         GET  /_/invoke/tenant/diku/_/invoke/tenant/x/d admin-route
granted    mod-rogue-1.0.0  okapi         GET  /_/invoke/tenant/a%2fb/d              tenant-not-allowed
granted    mod-rogue-1.0.0  mod-b-1.2.0   GET  /b/1                                  grant
granted    mod-rogue-1.0.0  mod-b-1.2.0   GET  /many                                 caller-not-allowed
granted    mod-rogue-1.0.0  mod-b-1.2.0   POST /_/tenant                             caller-not-allowed
granted    mod-rogue-1.0.0  mod-b-1.2.0   POST /b/timer                              caller-not-allowed
granted    mod-rogue-1.0.0  mod-b-1.2.0   GET  /                                     route-not-declared
granted    mod-rogue-1.0.0  mod-c-1.0.0   GET  /c                                    caller-not-allowed
granted    mod-a-1.0.0      okapi         GET  /d                                    interface-not-required
granted    operator/anna    okapi         GET  /_/proxy/tenants                      grant
granted    operator/anna    okapi         POST /_/proxy/tenants                      admin-route
granted    operator/anna    okapi         GET  /_/env                                admin-route
granted    operator/anna    okapi         GET  /b/1                                  interface-not-required
granted    operator/anna    mod-c-1.0.0   GET  /metrics                              grant
granted    operator/anna    mod-c-1.0.0   GET  /c                                    caller-not-allowed
granted    operator/anna    mod-b-1.2.0   GET  /metrics                              caller-not-allowed
granted    operator/bert    okapi         GET  /_/proxy/tenants                      caller-not-allowed
granted    client/sms       okapi         GET  /b/1                                  grant
granted    client/sms       okapi         GET  /c                                    interface-not-required
granted    client/sms       okapi         GET  /_/version                            admin-route
granted    client/sms       mod-c-1.0.0   GET  /c                                    grant
granted    client/anna      okapi         GET  /_/proxy/tenants                      caller-not-allowed
high-d     mod-rogue-1.0.0  okapi         GET  /d                                    grant
high-d     mod-rogue-1.0.0  okapi         GET  /far                                  interface-not-required
caller-out mod-a-1.0.0      okapi         GET  /a                                    quarantined
caller-out okapi-7.2.0      mod-a-1.0.0   GET  /a                                    quarantined
caller-out okapi-7.2.0      mod-a-1.0.0   GET  /                                     quarantined
caller-out public           okapi         GET  /a                                    quarantined
caller-out mod-rogue-1.0.0  okapi         GET  /d                                    interface-not-required
b1-out     mod-a-1.0.0      okapi         GET  /b/1                                  requires
b1-out     okapi-7.2.0      mod-b-1.2.0   GET  /b/1                                  quarantined
b1-out     okapi-7.2.0      mod-b-2.0.0   GET  /b/1                                  own
b-out      mod-a-1.0.0      okapi         GET  /b/1                                  quarantined
b-out      okapi-7.2.0      mod-b-2.0.0   GET  /b/1                                  quarantined
`

const ROWS = TABLE.trim()
  .split('\n')
  .map((line) => line.split(/\s+/))

for (const [setting, rules] of Object.entries(SETTINGS)) {
  test(`decides as the table says: ${setting}`, (t) => {
    const policy = policyOf(rules, SET)
    const rows = ROWS.filter(([first]) => first === setting)
    t.true(rows.length > 0)
    for (const [, caller, at, method, path, expected] of rows) {
      const preflight = method === 'PREFLIGHT'
      const asks = { caller: caller!, at: at!, path: path!, preflight }
      const question = { ...asks, method: preflight ? 'OPTIONS' : method! }
      // Asked twice: the second answer comes from the cache.
      for (const time of ['first', 'second']) {
        const asked = `${caller} at ${at}: ${method} ${path} (${time} time)`
        t.is(word(ask(policy, question)), expected!, asked)
      }
    }
  })
}

test('404 where no module declares the path at all, 403 for everything else that is undeclared', (t) => {
  const timer = {
    id: '_timer',
    version: '1.0',
    interfaceType: 'system',
    handlers: handlers('POST /e/timer'),
  }
  const filter = [{ methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }]
  const policy = policyOf({}, [...SET, { id: 'mod-e-1.0.0', provides: [timer], filters: filter }])
  const status = (caller: string, method: string, path: string, more: object = {}) => {
    const decision = ask(policy, { caller, method, path, ...more })
    t.is(word(decision), 'route-not-declared', `${caller} ${method} ${path}`)
    return decision.allow ? 0 : decision.refusal.status
  }
  for (const caller of ['mod-a-1.0.0', 'public', 'plain']) {
    t.is(status(caller, 'GET', '/configurations/entries?query=a'), 404, caller)
    t.is(status(caller, 'GET', '/a/'), 404, caller)
    t.is(status(caller, 'GET', '/nowhere', { moduleId: 'mod-b-1.2.0' }), 404, caller)
    t.is(status(caller, 'DELETE', '/b/1'), 403, `${caller}: another method`)
    t.is(status(caller, 'GET', '/many'), 403, `${caller}: only as multiple`)
    t.is(status(caller, 'POST', '/e/timer'), 403, `${caller}: a system route`)
    t.is(status(caller, 'GET', '/b/1', { moduleId: 'mod-b-1.2.0' }), 403, `${caller}: not of it`)
  }
  t.is(status('public', 'GET', '/_/invoke/tenant/diku/saml/none'), 404)
  t.is(word(ask(policy, { caller: 'mod-a-1.0.0', path: '/_/nothing' })), 'admin-route')
  t.is(word(ask(policy, { caller: 'none', path: '/nothing' })), 'caller-not-allowed')
  t.is(status('okapi-7.2.0', 'GET', '/nothing', { at: 'mod-a-1.0.0' }), 403, 'at a module')
})

test('every row of the table belongs to a setting', (t) => {
  t.deepEqual(
    ROWS.filter(([setting, , , , , expected]) => !SETTINGS[setting!] || expected === undefined),
    [],
  )
})

test('X-Okapi-Module-Id picks the `multiple` routes of that module and nothing else', (t) => {
  const policy = policyOf({}, SET)
  const asked = (moduleId: string, path: string, caller = 'mod-a-1.0.0') =>
    word(ask(policy, { caller, path, moduleId }))
  t.is(asked('mod-b-1.2.0', '/many'), 'optional')
  t.is(asked('mod-b-1.2.0', '/many', 'public'), 'default')
  t.is(asked('mod-b-1.2.0', '/many', 'mod-rogue-1.0.0'), 'interface-not-required')
  t.is(asked('mod-b-2.0.0', '/many'), 'route-not-declared')
  // Of its own kind is not its own: each provider has data of its own behind it.
  const twin = { id: 'mod-twin-1.0.0', provides: [many(handlers('GET /many'))] }
  const both = policyOf({}, [...SET, twin])
  const from = (caller: string, moduleId: string) =>
    word(ask(both, { caller, path: '/many', moduleId }))
  t.is(from('mod-twin-1.0.0', 'mod-twin-1.0.0'), 'own')
  t.is(from('mod-twin-1.0.0', 'mod-b-1.2.0'), 'interface-not-required')
  t.is(from('mod-b-1.2.0', 'mod-twin-1.0.0'), 'interface-not-required')
  t.is(from('mod-a-1.0.0', 'mod-twin-1.0.0'), 'optional')
  t.is(asked('mod-b', '/many'), 'route-not-declared')
  t.is(asked('', '/many'), 'route-not-declared')
  t.is(asked('mod-b-1.2.0', '/b/1'), 'route-not-declared')
  t.is(asked('mod-b-1.2.0', '/_/proxy/tenants'), 'admin-route')
})

test('the tenant interface is never open at Okapi, however wide the grant', (t) => {
  const old = {
    id: 'mod-old-1.0.0',
    provides: [{ id: '_tenant', version: '1.0', handlers: handlers('POST /_/tenant') }],
  }
  const grants = [{ caller: 'mod-rogue', at: 'okapi', methods: ['*'], path: '/_/*', why: 'test' }]
  const policy = policyOf({ grants }, [...SET, old])
  const asked = (path: string, caller = 'mod-rogue-1.0.0', at = 'okapi') =>
    word(ask(policy, { caller, at, method: 'POST', path, tenant: 'diku' }))
  t.is(asked('/_/env'), 'grant')
  t.is(asked('/_/tenant'), 'admin-route')
  t.is(asked('/_/invoke/tenant/diku/_/tenant'), 'admin-route')
  t.is(asked('/_/tenant', 'okapi-7.2.0', 'mod-old-1.0.0'), 'system')
})

test('supertenant is refused to modules and public unless a grant says so', (t) => {
  const asked = (rules: Rules, caller: string, tenant: string | undefined, path = '/d') =>
    word(ask(policyOf(rules, SET), { caller, path, ...(tenant === undefined ? {} : { tenant }) }))
  const grants = [...GRANTS, { caller: 'mod-a', at: 'okapi', interface: 'd', why: 'test' }]
  t.is(asked({ grants }, 'mod-a-1.0.0', 'supertenant'), 'tenant-not-allowed')
  t.is(asked({ grants }, 'mod-a-1.0.0', 'diku'), 'grant')
  t.is(asked({ grants }, 'mod-a-1.0.0', undefined), 'grant')
  t.is(asked({ grants }, 'mod-rogue-1.0.0', 'supertenant'), 'grant')
  t.is(asked({ grants }, 'public', 'supertenant'), 'tenant-not-allowed')
  t.is(asked({ grants }, 'public', 'diku'), 'default')
  t.is(asked({ grants }, 'public', 'supertenant', '/_/version'), 'tenant-not-allowed')
  t.is(asked({ grants }, 'operator/anna', 'supertenant', '/_/proxy/tenants'), 'grant')
  // Not let pass by report mode either.
  t.is(asked({ mode: 'report' }, 'mod-a-1.0.0', 'supertenant'), 'tenant-not-allowed')
  // The tenant of an invocation is the one in its path, not the one in the header.
  const invoke = '/_/invoke/tenant/supertenant/d'
  t.is(asked({ grants }, 'mod-rogue-1.0.0', 'diku', invoke), 'grant')
  const less = GRANTS.filter((grant) => !('tenants' in grant))
  t.is(asked({ grants: less }, 'mod-rogue-1.0.0', 'diku', invoke), 'tenant-not-allowed')
})

// okapi-core ModuleCache.lookup goes by buckets, over the modules of the tenant (TenantManager.getModuleCache):
// where a tenant lacks mod-deep, GET /b/special is mod-b's /b/{id}.
test('a route hides others of its own module only: a tenant may lack any other module', (t) => {
  const deep = { id: 'deep', version: '1.0', handlers: handlers('GET /b/special') }
  const set = [
    ...SET,
    { id: 'mod-deep-1.0.0', provides: [deep] },
    { id: 'mod-one-1.0.0', requires: [{ id: 'deep', version: '1.0' }] },
    {
      id: 'mod-both-1.0.0',
      requires: ['deep', 'b'].map((id) => ({ id, version: '1.0' })),
    },
  ]
  const policy = policyOf({}, set)
  const asked = (caller: string, path: string, method = 'GET') =>
    ask(policy, { caller, path, method, tenant: 'diku' })
  t.is(word(asked('mod-both-1.0.0', '/b/special')), 'requires')
  t.is(asked('mod-both-1.0.0', '/b/special').provider, 'mod-deep-1.0.0', 'the longest first')
  for (const caller of ['mod-one-1.0.0', 'mod-deep-1.0.0', 'mod-a-1.0.0']) {
    t.is(word(asked(caller, '/b/special')), 'interface-not-required', caller)
  }
  t.is(word(asked('mod-a-1.0.0', '/b/other')), 'requires')
  t.is(word(asked('mod-a-1.0.0', '/b/special', 'PUT')), 'requires', 'no method of mod-deep')
  // Both of mod-c, which a tenant has whole: /c/special is never /c/{id}.
  const own = { id: 'mod-own-1.0.0', requires: [{ id: 'd', version: '1.0' }] }
  t.is(word(ask(policyOf({}, [...SET, own]), { caller: own.id, path: '/c/special' })), 'requires')
})

test('past Okapi a grant is for ordinary tenants, unless another opens the supertenant there', (t) => {
  const at = { caller: 'client/sms', at: 'mod-c', why: 'test' }
  const opened = [
    { ...at, interface: 'c' },
    { ...at, methods: ['GET'], path: '/metrics' },
  ]
  const tenants = { ...at, tenants: ['supertenant'] }
  const asked = (grants: readonly object[], path: string, tenant: string | undefined) => {
    const question = { caller: 'client/sms', at: 'mod-c-1.0.0', path }
    const policy = policyOf({ grants: [...GRANTS, ...grants] }, SET)
    return word(ask(policy, tenant === undefined ? question : { ...question, tenant }))
  }
  for (const [path, tenant, without, granted] of [
    ['/c', undefined, 'grant', 'grant'],
    ['/c', 'diku', 'grant', 'grant'],
    // None is named: the module's own business for what no descriptor declares.
    ['/c', '', 'tenant-not-allowed', 'grant'],
    ['/metrics', '', 'grant', 'grant'],
    ['/c', 'supertenant', 'tenant-not-allowed', 'grant'],
    ['/metrics', 'supertenant', 'tenant-not-allowed', 'grant'],
    ['/c', 'SUPERTENANT', 'tenant-not-allowed', 'tenant-not-allowed'],
    ['/c', 'di ku', 'tenant-not-allowed', 'tenant-not-allowed'],
    ['/d', 'supertenant', 'caller-not-allowed', 'caller-not-allowed'],
  ] as const) {
    t.is(asked(opened, path, tenant), without, `${path} ${tenant}`)
    t.is(asked([...opened, tenants], path, tenant), granted, `${path} ${tenant}, granted`)
    // Where it says, and nowhere else.
    t.is(asked([...opened, { ...tenants, at: 'okapi' }], path, tenant), without)
    t.is(asked([...opened, { ...tenants, at: 'mod-b' }], path, tenant), without)
  }
  const tenantsAlone = asked([tenants], '/metrics', 'supertenant')
  t.is(tenantsAlone, 'route-not-declared', 'a grant of tenants opens no route')
  // Okapi names what it likes.
  const okapi = { caller: 'okapi-7.2.0', at: 'mod-c-1.0.0', path: '/c', tenant: 'supertenant' }
  t.is(word(ask(policyOf({}, SET), okapi)), 'own')
})
