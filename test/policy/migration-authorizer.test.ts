import test from 'ava'
import { ask, compiled, findings, policyOf, type Rules, word } from './tools.ts'

// The migration listener: the expectation is the literal column on the right.

const handlers = (...routes: readonly string[]) =>
  routes.map((route) => {
    const [methods, pathPattern] = route.split(' ')
    return { methods: methods!.split(','), pathPattern, permissionsRequired: [] }
  })
const SYSTEM = [
  {
    id: '_tenant',
    version: '2.0',
    interfaceType: 'system',
    handlers: handlers('POST /_/tenant', 'GET,DELETE /_/tenant/{id}'),
  },
  {
    id: '_timer',
    version: '1.0',
    interfaceType: 'system',
    handlers: [
      { methods: ['POST'], pathPattern: '/a/timer', unit: 'minute', delay: '1' },
      { methods: ['POST'], pathPattern: '/a/both', unit: 'minute', delay: '1' },
    ],
  },
]
const SCHEMAS = {
  id: '_jsonSchemas',
  version: '1.0',
  interfaceType: 'multiple',
  handlers: handlers('GET /_/jsonSchemas'),
}
const MANY = {
  id: 'many',
  version: '1.0',
  interfaceType: 'multiple',
  handlers: handlers('GET /many'),
}

const SET = [
  {
    id: 'mod-a-1.0.0',
    provides: [
      { id: 'a', version: '1.0', handlers: handlers('GET,POST /a', 'GET /a/{id}', 'POST /a/both') },
      MANY,
      SCHEMAS,
      ...SYSTEM,
    ],
  },
  {
    id: 'mod-auth-1.0.0',
    provides: [{ id: 'authtoken', version: '2.0', handlers: handlers('POST /token') }, MANY],
    filters: [{ methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }],
  },
  {
    id: 'mod-log-1.0.0',
    provides: [{ id: 'log', version: '1.0', handlers: handlers('GET /log', 'GET /free') }],
    filters: [{ methods: ['*'], pathPattern: '/log*', phase: 'pre', type: 'request-log' }],
  },
  {
    id: 'mod-secret-1.0.0',
    provides: [{ id: 'secret', version: '1.0', handlers: handlers('GET /secret') }],
  },
  { id: 'okapi-7.2.0' },
]

interface Case {
  readonly at: string
  /** `GET /a`, with `tenant` and `moduleId` after it where they are said. */
  readonly call: string
  readonly tenant?: string
  readonly moduleId?: string
  readonly expected: string
}

const A = 'mod-a-1.0.0'
const CASES: readonly Case[] = [
  // A module’s own ordinary routes.
  { at: A, call: 'GET /a', expected: 'own' },
  { at: A, call: 'POST /a', expected: 'own' },
  { at: A, call: 'GET /a/42', expected: 'own' },
  { at: A, call: 'GET /many', expected: 'own' },
  { at: A, call: 'DELETE /a', expected: 'route-not-declared' },
  { at: A, call: 'OPTIONS /a', expected: 'route-not-declared' },
  { at: A, call: 'GET /admin/health', expected: 'route-not-declared' },
  { at: A, call: 'POST /admin/importSQL', expected: 'route-not-declared' },
  { at: A, call: 'GET /', expected: 'route-not-declared' },
  { at: A, call: 'GET /A', expected: 'route-not-declared' },
  // Nothing that only Okapi calls by itself.
  { at: A, call: 'POST /_/tenant', expected: 'caller-not-allowed' },
  { at: A, call: 'DELETE /_/tenant/1', expected: 'caller-not-allowed' },
  { at: A, call: 'GET /_/jsonSchemas', expected: 'caller-not-allowed' },
  { at: A, call: 'GET /_/nothing', expected: 'caller-not-allowed' },
  { at: A, call: 'POST /%5f/tenant', expected: 'caller-not-allowed' },
  { at: A, call: 'GET /_', expected: 'caller-not-allowed' },
  { at: A, call: 'POST /a/timer', expected: 'caller-not-allowed' },
  { at: A, call: 'POST /a/both', expected: 'caller-not-allowed' },
  { at: 'mod-log-1.0.0', call: 'GET /log', expected: 'caller-not-allowed' },
  { at: 'mod-log-1.0.0', call: 'GET /free', expected: 'own' },
  // Never a module with an auth filter, nor an unknown one.
  { at: 'mod-auth-1.0.0', call: 'POST /token', expected: 'caller-not-allowed' },
  { at: 'mod-auth-1.0.0', call: 'GET /many', expected: 'caller-not-allowed' },
  { at: 'mod-gone-1.0.0', call: 'GET /a', expected: 'route-not-declared' },
  // The tenant that Okapi would take.
  { at: A, call: 'GET /a', tenant: 'supertenant', expected: 'tenant-not-allowed' },
  { at: A, call: 'GET /a', tenant: 'diku', expected: 'own' },
  { at: A, call: 'GET /a', tenant: 'Diku_2-b', expected: 'own' },
  // RMB puts it into lower case; what is no tenant’s name is none.
  { at: A, call: 'GET /a', tenant: 'SUPERTENANT', expected: 'tenant-not-allowed' },
  { at: A, call: 'GET /a', tenant: 'Supertenant', expected: 'tenant-not-allowed' },
  { at: A, call: 'GET /a', tenant: 'supertenant,diku', expected: 'tenant-not-allowed' },
  { at: A, call: 'GET /a', tenant: 'supertenant ', expected: 'tenant-not-allowed' },
  { at: A, call: 'GET /a', tenant: '', expected: 'tenant-not-allowed' },
  { at: A, call: 'GET /a', tenant: 'diku"; drop', expected: 'tenant-not-allowed' },
  { at: A, call: 'GET /a', tenant: 'a'.repeat(65), expected: 'tenant-not-allowed' },
  { at: 'okapi', call: 'GET /a', tenant: 'SuperTenant', expected: 'tenant-not-allowed' },
  { at: 'okapi', call: 'GET /a', tenant: 'supertenant', expected: 'tenant-not-allowed' },
  { at: 'okapi', call: 'GET /a', tenant: 'diku', expected: 'default' },
  // At Okapi: what some module declares.
  { at: 'okapi', call: 'GET /a', expected: 'default' },
  { at: 'okapi-7.2.0', call: 'GET /a', expected: 'default' },
  { at: 'okapi', call: 'POST /a/both', expected: 'default' },
  { at: 'okapi', call: 'POST /a/timer', expected: 'route-not-declared' },
  { at: 'okapi', call: 'GET /many', expected: 'route-not-declared' },
  { at: 'okapi', call: 'GET /many', moduleId: A, expected: 'default' },
  { at: 'okapi', call: 'GET /a', moduleId: A, expected: 'route-not-declared' },
  { at: 'okapi', call: 'GET /many', moduleId: 'mod-x-1.0.0', expected: 'route-not-declared' },
  { at: 'okapi', call: 'GET /many', moduleId: 'mod-auth-1.0.0', expected: 'caller-not-allowed' },
  { at: 'okapi', call: 'POST /token', expected: 'caller-not-allowed' },
  { at: 'okapi', call: 'OPTIONS /a', expected: 'route-not-declared' },
  // Never its administration, what Stripes may ask included.
  { at: 'okapi', call: 'GET /_/version', expected: 'admin-route' },
  { at: 'okapi', call: 'GET /_/proxy/tenants/diku/modules', expected: 'admin-route' },
  { at: 'okapi', call: 'OPTIONS /_/proxy/tenants', expected: 'admin-route' },
  { at: 'okapi', call: 'POST /_/discovery/modules', expected: 'admin-route' },
  { at: 'okapi', call: 'POST /_/tenant', expected: 'admin-route' },
  { at: 'okapi', call: 'GET /_/invoke/tenant/diku/a', expected: 'admin-route' },
  { at: 'okapi', call: 'POST /_/invoke/tenant/diku/saml/login', expected: 'admin-route' },
  { at: 'okapi', call: 'GET /_/jsonSchemas', moduleId: A, expected: 'admin-route' },
  { at: 'okapi', call: 'GET /%5f/proxy/tenants', expected: 'admin-route' },
]

function decisionsOn(rules: Rules, cases: readonly Case[] = CASES): string[] {
  const policy = policyOf(rules, SET)
  return cases.map(({ at, call, tenant, moduleId }) => {
    const [method, path] = call.split(' ')
    const said = {
      ...(tenant !== undefined && { tenant }),
      ...(moduleId !== undefined && { moduleId }),
    }
    return word(ask(policy, { caller: 'plain', at, method: method!, path: path!, ...said }))
  })
}

for (const [i, { at, call, tenant, moduleId, expected }] of CASES.entries()) {
  const more = [tenant && JSON.stringify(tenant), moduleId].filter((one) => one !== undefined)
  test(`${at}: ${call} ${more.join(' ')} is ${expected}`, (t) => {
    t.is(decisionsOn({}, [CASES[i]!])[0], expected)
  })
}

const EXPECTED = CASES.map(({ expected }) => expected)

test('the same question gets the same answer', (t) => {
  t.deepEqual(decisionsOn({}, [...CASES, ...CASES]), [...EXPECTED, ...EXPECTED])
})

test('report mode changes nothing', (t) => {
  t.deepEqual(decisionsOn({ mode: 'report' }), EXPECTED)
  t.deepEqual(decisionsOn({ reported: ['a', 'many', 'authtoken'] }), EXPECTED)
})

test('grants to any caller change nothing', (t) => {
  const grants = [
    { caller: 'public', at: 'okapi', methods: ['*'], path: '/_/proxy/*', why: 'w' },
    { caller: 'operator/anna', at: 'okapi', admin: ['read', 'discovery'], why: 'w' },
    { caller: 'operator/anna', at: 'mod-a', methods: ['GET'], path: '/metrics', why: 'w' },
    { caller: 'mod-a', at: 'okapi', tenants: ['supertenant'], why: 'w' },
  ]
  t.deepEqual(decisionsOn({ grants }), EXPECTED)
})

test('no grant can name a caller that comes by it', (t) => {
  const grants = [
    { caller: 'plain', at: 'okapi', interface: 'a', why: 'w' },
    { caller: 'plain/10.1.2.3', at: 'okapi', interface: 'a', why: 'w' },
  ]
  const { problems } = compiled({ grants }, SET)
  t.deepEqual(
    findings(problems)[0],
    'error /grants/0/caller: caller must be a module, operator/NAME, client/NAME or public',
  )
  t.is(decisionsOn({ grants: [grants[1]!] }, [CASES[4]!])[0], CASES[4]!.expected)
})

test('an interface of high sensitivity is closed to it, one of low is not', (t) => {
  const secret = { call: 'GET /secret', expected: '' }
  const both = [
    { ...secret, at: 'okapi' },
    { ...secret, at: 'mod-secret-1.0.0' },
  ]
  t.deepEqual(decisionsOn({}, both), ['default', 'own'])
  t.deepEqual(decisionsOn({ sensitivity: { secret: 'low' } }, both), ['default', 'own'])
  const high = { sensitivity: { secret: 'high' } } as const
  t.deepEqual(decisionsOn(high, both), ['caller-not-allowed', 'caller-not-allowed'])
})

test('quarantine holds here too, from its date on', (t) => {
  const quarantine = [{ module: 'mod-secret <2', why: 'w', after: '2027-01-31' }]
  const both = ['okapi', 'mod-secret-1.0.0'].map((at) => ({
    at,
    call: 'GET /secret',
    expected: '',
  }))
  let ms = Date.parse('2027-01-30')
  const policy = policyOf({ quarantine, now: () => ms }, SET)
  const asked = () =>
    both.map(({ at }) => word(ask(policy, { caller: 'plain', at, path: '/secret' })))
  t.deepEqual(asked(), ['default', 'own'])
  ms = Date.parse('2027-01-31')
  t.deepEqual(asked(), ['quarantined', 'quarantined'])
})

test('the listener is closed as a whole where no call could pass', (t) => {
  const policy = policyOf({}, SET)
  const open = (at: string) => policy.bind({ kind: 'plain' }, at).open
  t.deepEqual(['okapi', A, 'mod-auth-1.0.0', 'mod-gone-1.0.0'].map(open), [
    true,
    true,
    false,
    false,
  ])
})

test('sentences say what it is, and what would be allowed', (t) => {
  const policy = policyOf({}, SET)
  const said = (at: string, path: string) => ask(policy, { caller: 'plain', at, path }).because
  t.is(
    said(A, '/a'),
    'plain may GET /a: it is in interface `a` 1.0 of mod-a-1.0.0; it came by the migration listener, without proof of identity',
  )
  t.is(said(A, '/_/tenant'), 'plain may not GET /_/tenant: the migration listener never serves /_/')
  t.is(
    said('mod-auth-1.0.0', '/token'),
    'plain may not call mod-auth-1.0.0: the migration listener never serves a module with an auth filter',
  )
})
