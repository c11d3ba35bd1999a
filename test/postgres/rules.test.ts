import test from 'ava'
import {
  type DatabaseRules,
  isListedRole,
  judgeRole,
  judgeStartup,
  judgeSuperuser,
} from '../../src/postgres/rules.ts'
import { StartupReader } from '../../src/postgres/startup.ts'
import { startupPacket } from '../support/postgres-packets.ts'

const RULES: DatabaseRules = {
  databases: ['folio'],
  roles: ['folio_users', '{tenant}_mod_users'],
  parameters: [],
  authentication: ['scram-sha-256'],
  mode: 'enforce',
  superuser: 'refuse',
}

function judged(parameters: Readonly<Record<string, string>>, rules: Partial<DatabaseRules> = {}) {
  const startup = new StartupReader().read(
    startupPacket({ user: 'folio_users', database: 'folio', ...parameters }),
  )
  if (typeof startup !== 'object' || !('kind' in startup) || startup.kind !== 'startup')
    throw new Error('no start-up')
  return judgeStartup(startup, { ...RULES, ...rules })
}

test('a role matches as a whole, and {tenant} is what Okapi takes for one', (t) => {
  for (const role of [
    'folio_users',
    'diku_mod_users',
    't1_mod_users',
    `${'a'.repeat(31)}_mod_users`,
  ]) {
    t.true(isListedRole(role, RULES.roles), role)
  }
  for (const role of [
    'diku_mod_login',
    'postgres',
    'folio_users2',
    'xfolio_users',
    '_mod_users',
    'mod_users',
    'diku_mod_users_bl',
    'diku_mod_login_mod_users',
    'Diku_mod_users',
    'diku_mod_users ',
    ' diku_mod_users',
    '1diku_mod_users',
    `${'a'.repeat(32)}_mod_users`,
    '{tenant}_mod_users',
    '',
  ]) {
    t.false(isListedRole(role, RULES.roles), role)
  }
})

test('{tenant} is one of the tenants that the guard lets the module act for', (t) => {
  const tenants = ['diku', 'old_one']
  for (const role of ['folio_users', 'diku_mod_users', 'old_one_mod_users']) {
    t.is(judgeRole(role, { ...RULES, tenants }), undefined, role)
  }
  for (const role of ['north_mod_users', 'one_mod_users', '_mod_users']) {
    t.like(judgeRole(role, { ...RULES, tenants }), { passes: false })
  }
  const { refusal } = judgeRole('north_mod_users', { ...RULES, tenants })!
  t.regex(refusal.because, /not one of folio_users, \{tenant\}_mod_users with a tenant of policy/)
  t.is(refusal.wouldAllow, 'its tenant in `policy.tenantsOf` for this module')
})

test('a name that PostgreSQL would truncate to a listed one is not allowed', (t) => {
  const role = 'a'.repeat(63)
  t.true(isListedRole(role, [role]))
  t.false(isListedRole(`${role}b`, [`${role}b`]))
})

test('what clients send by themselves passes, whatever the case', (t) => {
  const usual = {
    application_name: 'x',
    client_encoding: 'UTF8',
    DateStyle: 'ISO',
    TimeZone: 'UTC',
    extra_float_digits: '2',
    IntervalStyle: 'iso_8601',
    statement_timeout: '0',
  }
  t.is(judged(usual), undefined)
})

for (const name of [
  'options',
  'replication',
  'role',
  'session_authorization',
  'search_path',
  'Search_Path',
  'is_superuser',
  'session_preload_libraries',
  '_pq_.compression',
]) {
  test(`the parameter ${name} is refused unless it is listed`, (t) => {
    t.like(judged({ [name]: 'x' }), { passes: false, refusal: { reason: 'parameter-not-allowed' } })
    const listed = judged({ [name]: 'x' }, { parameters: [name.toLowerCase()], mode: 'report' })
    if (name.startsWith('_pq_.')) t.like(listed, { passes: false })
    else t.is(listed, undefined)
  })
}

test('another database is refused, in report mode too', (t) => {
  for (const mode of ['enforce', 'report'] as const) {
    const judgement = judged({ database: 'other' }, { mode })
    t.like(judgement, { passes: false, refusal: { reason: 'database-not-allowed' } })
  }
})

test('report mode lets roles and superusers pass, and says so', (t) => {
  const report = { ...RULES, mode: 'report' as const }
  t.like(judgeRole('boss', RULES), { passes: false, refusal: { reason: 'role-not-allowed' } })
  t.like(judgeRole('boss', report), { passes: true })
  t.like(judgeSuperuser('boss', RULES), { passes: false, refusal: { reason: 'superuser' } })
  t.like(judgeSuperuser('boss', report), { passes: true })
  t.like(judgeSuperuser('boss', { ...RULES, superuser: 'report' }), { passes: true })
})
