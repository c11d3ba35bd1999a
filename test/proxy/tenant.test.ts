import test from 'ava'
import { broughtMemory, TenantsBrought } from '../../src/proxy/brought-tenants.ts'
import { policyOf } from '../policy/tools.ts'
import { LISTENER_RULES } from '../support/listener-rules.ts'
import { type ListenerName, MODULE, memoryListener } from '../support/listeners.ts'

const encoded = (text: string) => Buffer.from(text).toString('base64url')
const jwt = (payload: unknown) => `X-Okapi-Token: e30.${encoded(JSON.stringify(payload))}.c2ln`
const JUDGES = (Object.keys(LISTENER_RULES) as ListenerName[]).filter(
  (name) => LISTENER_RULES[name].judgesTenant,
)

/** What becomes of a request: a reason, or the tenant by which it was judged. */
async function through(
  listener: ListenerName,
  lines: readonly string[],
  path = '/a',
): Promise<string> {
  const { socket, policy, told } = memoryListener(listener)
  const target = listener === 'modules' ? `/${MODULE}${path}` : path
  const text = lines.map((line) => `${line}\r\n`).join('')
  await socket.arrive(`GET ${target} HTTP/1.1\r\nHost: caller\r\n${text}\r\n`)
  socket.destroy()
  const [refused] = told
  return refused === undefined || refused.reason === ''
    ? `passes for ${policy.asked[0]?.tenant}`
    : refused.reason
}

/** As they stand in the bytes of a header line: Node writes every character of these as one byte. */
const latin1 = (text: string) => Buffer.from(text).toString('latin1')

const MALFORMED: readonly string[] = [
  '',
  'diku, supertenant',
  'diku,diku',
  'diku supertenant',
  'diku;a=b',
  'diku/other',
  'diku%00',
  '"diku"',
  'diku.other',
  '$diku',
  '*',
  'x'.repeat(65),
  'x'.repeat(8000),
  latin1('ｄｉｋｕ'),
  latin1('ｓｕｐｅｒｔｅｎａｎｔ'),
  latin1('dıku'),
  latin1('dik\u00adu'),
  latin1('dik\u200bu'),
]
const GOOD = ['diku', 'd', 'Diku-2_x', 'x'.repeat(64), '1']

test('all listeners but those where Okapi speaks judge the tenant', (t) => {
  t.deepEqual(JUDGES, ['direct', 'okapi', 'egress', 'public', 'plainToModule', 'plainToOkapi'])
})

for (const listener of JUDGES) {
  const toModule = listener === 'direct' || listener === 'plainToModule'

  test(`${listener}: what is not a tenant name is refused in the header`, async (t) => {
    for (const tenant of MALFORMED) {
      const line = `X-Okapi-Tenant: ${tenant}`
      t.is(await through(listener, [line]), 'tenant-not-allowed', line.slice(0, 80))
      // The token names a good one, and Okapi takes the header.
      t.is(await through(listener, [line, jwt({ tenant: 'diku' })]), 'tenant-not-allowed')
    }
    t.is(await through(listener, ['X-Okapi-Tenant: a', 'X-Okapi-Tenant: a']), 'ambiguous-header')
    for (const tenant of GOOD) {
      t.is(await through(listener, [`X-Okapi-Tenant: ${tenant}`]), `passes for ${tenant}`)
    }
  })

  test(`${listener}: and in the token where no header names one`, async (t) => {
    for (const tenant of MALFORMED) {
      t.is(await through(listener, [jwt({ tenant })]), 'tenant-not-allowed', tenant.slice(0, 80))
    }
    for (const tenant of GOOD) {
      t.is(await through(listener, [jwt({ tenant })]), `passes for ${tenant}`)
    }
  })

  test(`${listener}: a token that cannot be read names no tenant`, async (t) => {
    for (const token of [
      ...['', 'no-jwt', 'a.b', 'a.b.c', 'a.e30', `a.${encoded('{"tenant":"a","tenant":"b"}')}.c`],
      ...[`a.${encoded('{"tenant":7}')}.c`, `a.${encoded('["diku"]')}.c`, 'a.eyJ0+.c'],
    ]) {
      const line = `X-Okapi-Token: ${token}`
      const implied = LISTENER_RULES[listener].impliedTenant
      const expected = toModule ? `passes for ${implied}` : 'tenant-not-allowed'
      t.is(await through(listener, [line]), expected, line)
      t.is(await through(listener, ['X-Okapi-Tenant: diku', line]), 'passes for diku', line)
    }
    // Okapi takes supertenant for both.
    const implied = `passes for ${LISTENER_RULES[listener].impliedTenant}`
    t.is(await through(listener, []), implied)
    t.is(await through(listener, [jwt({ sub: 'anna' })]), implied)
    t.is(await through(listener, [jwt({ tenant: null })]), implied)
  })

  test(`${listener}: Authorization is read as Okapi reads it`, async (t) => {
    const bearer = jwt({ tenant: 'diku, other' }).replace('X-Okapi-Token:', 'Authorization: Bearer')
    t.is(await through(listener, [bearer]), 'tenant-not-allowed')
    t.is(await through(listener, [bearer.replace('Bearer ', '')]), 'tenant-not-allowed')
    t.is(await through(listener, ['X-Okapi-Tenant: diku', bearer]), 'passes for diku')
  })

  if (toModule) continue

  test(`${listener}: and in /_/invoke/tenant/{t}/`, async (t) => {
    for (const tenant of ['diku,supertenant', 'x'.repeat(65), 'diku.other', 'd:', '$', '*']) {
      const path = `/_/invoke/tenant/${tenant}/saml/login`
      t.is(await through(listener, [], path), 'tenant-not-allowed', path)
      t.is(await through(listener, [jwt({ tenant: 'diku' })], path), 'tenant-not-allowed', path)
      t.is(await through(listener, [`X-Okapi-Tenant: ${tenant}`], path), 'tenant-not-allowed', path)
    }
    t.is(await through(listener, [], '/_/invoke/tenant//saml/login'), 'ambiguous-target')
    const path = '/_/invoke/tenant/diku/saml/login'
    t.is(await through(listener, ['X-Okapi-Tenant: diku'], path), 'passes for diku')
    t.is(await through(listener, ['X-Okapi-Tenant: Diku'], path), 'tenant-mismatch')
  })
}

test('public: a cookie is a token too, unless Okapi itself finds it doubtful', async (t) => {
  const token = jwt({ tenant: 'diku other' }).slice('X-Okapi-Token: '.length)
  const cookie = `Cookie: folioAccessToken=${token}`
  t.is(await through('public', [cookie]), 'tenant-not-allowed')
  t.is(await through('public', ['X-Okapi-Tenant: diku', cookie]), 'passes for diku')
  t.is(await through('public', ['Cookie: a=b']), 'passes for supertenant')
})

test('what Okapi says to a module is not judged', async (t) => {
  for (const listener of ['ingress', 'modules'] as const) {
    t.is(await through(listener, ['X-Okapi-Tenant: diku, other']), 'passes for undefined')
  }
})

test('what an auth filter is asked about fills no table: its token is not verified yet', async (t) => {
  const filter = { methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }
  const handlers = [{ methods: ['GET'], pathPattern: '/a' }]
  const compiled = policyOf(
    {
      grants: [
        { caller: MODULE, at: 'okapi', cross: { from: ['east'], to: ['diku'] }, why: 'a test' },
      ],
    },
    [
      { id: MODULE, provides: [{ id: 'a', version: '1.0', handlers }] },
      { id: 'mod-auth-1.0.0', filters: [filter] },
    ],
  )
  const brought = new TenantsBrought(broughtMemory(true))
  const calls = async (id: string, claimed: string) => {
    const { socket, told } = memoryListener('modules', { compiled, brought })
    const lines = `X-Okapi-Tenant: diku\r\n${jwt({ tenant: claimed })}\r\n`
    await socket.arrive(`GET /${id}/a HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
    t.deepEqual(told, [], socket.sent)
    socket.destroy()
  }
  for (let i = 0; i < 10; i++) await calls('mod-auth-1.0.0', `forged-${i}`)
  t.is(brought.size, 1, 'the tenant itself')
  await calls(MODULE, 'east')
  t.is(brought.size, 3)
  t.true(brought.crossed(MODULE, 'east', 'diku'))
})
