import { fileURLToPath } from 'node:url'
import test from 'ava'
import { compilePolicy } from '../../src/policy/compiled-policy.ts'
import { loadDescriptors } from '../../src/policy/descriptor-files.ts'
import { descriptorsFor } from '../../src/policy/packed-descriptors.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { parseTrueCaller, trueCallerName } from '../../src/policy/true-caller.ts'
import { policyOf, word } from './tools.ts'

const OKAPI = { kind: 'module', id: 'okapi-7.2.0' } as const
const GRANTS = [
  { caller: 'operator/anna', at: 'okapi', admin: ['read'], why: 'she reads' },
  {
    caller: 'client/sis',
    at: 'okapi',
    methods: ['GET'],
    path: '/users/{id}',
    why: 'it reads them',
  },
]
const USERS = 'mod-users-19.7.0'
const AUTH = 'mod-authtoken-2.18.0'

/** What the sidecar of `at` says of Okapi's call for `caller`: first as Okapi's, then as the caller's. */
function onBehalf(
  policy: Policy,
  caller: string,
  at: string,
  asked: string,
  tenant = 'diku',
): string {
  const [method = '', path = ''] = asked.split(' ')
  const bytes = Buffer.from(path)
  const place = { bytes, start: 0, end: bytes.length }
  const decision = policy
    .bind(OKAPI, at)
    .decide(method, bytes, 0, bytes.length, undefined, undefined)
  if (!decision.allow) return `okapi: ${word(decision)}`
  const { step } = decision
  const who = parseTrueCaller(caller)
  if (who === undefined) throw new Error(`no caller: ${caller}`)
  return word(policy.behalf(who, at).decide({ step, method, ...place, tenant, preflight: false }))
}

const CASES: readonly (readonly [caller: string, at: string, asked: string, said: string])[] = [
  ['mod-notes-8.1.0', USERS, 'GET /users/1', 'requires'],
  ['mod-tags-3.1.0', USERS, 'GET /users/1', 'interface-not-required'],
  ['mod-absent-1.0.0', USERS, 'GET /users/1', 'caller-not-allowed'],
  ['client/sis', USERS, 'GET /users/1', 'grant'],
  ['client/sis', USERS, 'DELETE /users/1', 'interface-not-required'],
  ['operator/anna', USERS, 'GET /users/1', 'interface-not-required'],
  ['operator/bert', USERS, 'GET /users/1', 'caller-not-allowed'],
  ['public', USERS, 'GET /users/1', 'default'],
  ['plain', USERS, 'GET /users/1', 'default'],
  ['unknown', USERS, 'GET /users/1', 'caller-not-allowed'],
  ['okapi', USERS, 'GET /users/1', 'caller-not-allowed'],
  ['okapi', USERS, 'POST /_/tenant', 'default'],
  ['okapi', USERS, 'POST /users/expire/timer', 'default'],
  // No caller has Okapi call a system route, whatever it may else.
  ['mod-notes-8.1.0', USERS, 'POST /_/tenant', 'admin-route'],
  ['operator/anna', USERS, 'POST /_/tenant', 'admin-route'],
  ['public', USERS, 'POST /_/tenant', 'admin-route'],
  ['plain', USERS, 'POST /_/tenant', 'admin-route'],
  ['unknown', USERS, 'POST /_/tenant', 'caller-not-allowed'],
  ['mod-notes-8.1.0', USERS, 'POST /users/expire/timer', 'route-not-declared'],
  // The auth filter hears of every call, of the caller that makes it.
  ['mod-notes-8.1.0', AUTH, 'GET /users/1', 'requires'],
  ['mod-tags-3.1.0', AUTH, 'GET /users/1', 'interface-not-required'],
  ['operator/anna', AUTH, 'GET /_/proxy/tenants', 'grant'],
  ['operator/anna', AUTH, 'GET /_/env', 'admin-route'],
  ['mod-notes-8.1.0', AUTH, 'GET /_/proxy/tenants', 'admin-route'],
  ['okapi', AUTH, 'POST /_/tenant', 'default'],
  ['okapi', AUTH, 'POST /users/expire/timer', 'default'],
  ['okapi', AUTH, 'GET /users/1', 'caller-not-allowed'],
  ['okapi', AUTH, 'POST /token', 'caller-not-allowed'],
  ['unknown', AUTH, 'GET /users/1', 'caller-not-allowed'],
  ['public', AUTH, 'POST /token', 'default'],
  // X-Okapi-Module-Id named the module of a `multiple` interface; the filter is not told which.
  ['mod-users-19.7.0', USERS, 'GET /custom-fields', 'own'],
  ['mod-notes-8.1.0', USERS, 'GET /custom-fields', 'interface-not-required'],
  ['public', AUTH, 'GET /custom-fields', 'default'],
  ['mod-tags-3.1.0', AUTH, 'GET /custom-fields', 'route-not-declared'],
  ['public', USERS, 'GET /unheard-of', 'okapi: route-not-declared'],
]

for (const [caller, at, asked, said] of CASES) {
  test(`${at} is asked ${asked} by Okapi for ${caller}: ${said}`, (t) => {
    t.is(onBehalf(policyOf({ grants: GRANTS }), caller, at, asked), said)
  })
}

test('what a caller may at Okapi for a tenant, it may through Okapi', (t) => {
  const policy = policyOf({ grants: GRANTS })
  const asks = (tenant: string) =>
    onBehalf(policy, 'mod-notes-8.1.0', USERS, 'GET /users/1', tenant)
  t.is(asks('supertenant'), 'tenant-not-allowed')
  t.is(asks('other'), 'requires')
})

test('the part of a set for one module judges callers as the whole does', (t) => {
  const fixtures = fileURLToPath(new URL('../fixtures/descriptors', import.meta.url))
  const { set } = loadDescriptors(fixtures)
  const callers = [...set.modules.keys(), 'public', 'okapi', 'unknown', 'mod-absent-1.0.0']
  const asked = [...new Set(CASES.map(([, , each]) => each))]
  let judged = 0
  for (const at of [USERS, AUTH, 'mod-notes-8.1.0', 'mod-login-7.14.0']) {
    const policies = [set, descriptorsFor(set, at)].map(
      (descriptors) => compilePolicy({ descriptors }).policy!,
    )
    for (const caller of callers) {
      for (const each of asked) {
        const [whole, part] = policies.map((policy) => onBehalf(policy, caller, at, each))
        // Of who calls nothing here the part knows nothing, and refuses it for that.
        const unknown = part === 'caller-not-allowed' && !ALLOWED.includes(whole ?? '')
        if (!unknown) t.is(part, whole, `${caller} ${at} ${each}`)
        judged++
      }
    }
  }
  t.log(`${judged} judgements`)
})

const ALLOWED = ['requires', 'optional', 'own', 'grant', 'default', 'system']

test('one spelling for each caller, and no other text is one', (t) => {
  const names = ['okapi', 'unknown', 'public', 'plain', 'operator/anna', 'client/a.b-c_d', USERS]
  const odd = ['mod-a-1.0.0-SNAPSHOT.12', 'mod-a-1.0.0+build', `operator/${'a'.repeat(255)}`]
  for (const name of [...names, ...odd]) t.is(trueCallerName(parseTrueCaller(name)!), name)
  const wrong = [
    '',
    'none',
    'Okapi',
    'okapi ',
    ' okapi',
    'OPERATOR/anna',
    'operator/',
    'operator',
    'operator/a/b',
    'operator/..',
    'client/a b',
    'client/a,b',
    'client/a%2f',
    'module/mod-a-1.0.0',
    'mod-a',
    'mod-a-1.0.0, mod-b-1.0.0',
    'mod-a-1.0.0;',
    'mod-a-1.0.0\x00',
    'plain/10.1.2.3',
    'mod-ä-1.0.0',
    `operator/${'a'.repeat(256)}`,
    `mod-a-1.0.0-${'a'.repeat(250)}`,
    '__proto__',
  ]
  for (const name of wrong) t.is(parseTrueCaller(name), undefined, name)
})
