import test from 'ava'
import { trustedIn, trustText, unusualTrust } from '../../src/policy/descriptor-trust.ts'
import { loadPolicy } from '../../src/policy/load-policy.ts'
import { LOGIN_PRODUCTS } from '../../src/policy/traits.ts'
import { FIXTURE_VALUES, installed, policyOf } from './tools.ts'

const provides = (...ids: readonly string[]) => ids.map((id) => ({ id, version: '1.0' }))
const AUTH = { methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }

function told(descriptor: object): string[] {
  return trustedIn(installed([descriptor])).map(
    ({ trust, interface: provided, pointer }) => `${trust} ${provided?.id ?? ''} ${pointer}`,
  )
}

for (const [id, found] of [
  ['login', ['cookies', 'tokens']],
  ['authtoken', ['cookies', 'tokens']],
  ['authtoken-x', ['cookies', 'tokens']],
  ['authtokenizer', ['cookies', 'tokens']],
  ['login-saml', ['tokens']],
  ['users-bl', ['tokens']],
  ['login-x', []],
  ['users', []],
  ['Authtoken', []],
] as const) {
  test(`who provides \`${id}\` is trusted with: ${found.join(', ') || 'nothing'}`, (t) => {
    const descriptor = { id: 'mod-x-1.0.0', provides: provides('x', id) }
    t.deepEqual(
      told(descriptor),
      found.map((trust) => `${trust} ${id} /provides/1`),
    )
    // The header rules go by the same.
    const traits = policyOf({}, [descriptor]).traits('mod-x-1.0.0')
    t.is(
      traits?.seesCookies,
      found.some((trust) => trust === 'cookies'),
    )
    t.is(
      traits?.keepsTokens,
      found.some((trust) => trust === 'tokens'),
    )
  })
}

test('a filter of phase auth, no other', (t) => {
  const filters = [{ ...AUTH, phase: 'pre' }, AUTH, { ...AUTH, phase: 'post' }]
  t.deepEqual(told({ id: 'mod-x-1.0.0', filters }), ['auth-filter  /filters/1'])
})

test('`multiple`, system and unknown interfaces give no module the trust of a login module', (t) => {
  for (const interfaceType of ['multiple', 'system', 'internal', 'unheard-of']) {
    const [provided] = provides('authtoken')
    const descriptor = { id: 'mod-x-1.0.0', provides: [{ ...provided, interfaceType }] }
    t.deepEqual(told(descriptor), [], interfaceType)
    const traits = policyOf({}, [descriptor]).traits('mod-x-1.0.0')
    t.like(traits, { seesCookies: false, keepsTokens: false })
  }
})

test('no warning about FOLIO’s own login modules, one about any other', (t) => {
  t.deepEqual(unusualTrust(installed(FIXTURE_VALUES), String), [])
  t.true(trustedIn(installed(FIXTURE_VALUES)).length > 0)
  for (const product of [...LOGIN_PRODUCTS, 'mod-x', 'mod-logins', 'xmod-login']) {
    const set = installed([{ id: `${product}-1.0.0`, provides: provides('authtoken-x') }])
    const found = unusualTrust(set, (file) => `/set/${file}`)
    if (LOGIN_PRODUCTS.includes(product)) {
      t.deepEqual(found, [])
      continue
    }
    t.deepEqual(
      found.map(({ severity, where }) => [severity, where]),
      [
        ['warning', { file: `/set/${product}-1.0.0.json`, pointer: '/provides/0' }],
        ['warning', { file: `/set/${product}-1.0.0.json`, pointer: '/provides/0' }],
      ],
    )
    t.regex(
      found[0]!.message,
      /is handed the access and refresh tokens of every user.*`authtoken-x`/,
    )
    t.regex(found[1]!.message, /may hand out tokens/)
  }
})

test('start, reload and check get the warning with the policy', (t) => {
  const value = { id: 'mod-x-1.0.0', filters: [AUTH] }
  const files = [{ file: 'x.json', path: '/d/x.json', value }]
  const nothing = { grants: [], known: [], knownGrants: [], quarantine: [], pathExceptions: [] }
  const rules = { ...nothing, mode: 'enforce', report: [], sensitivity: {} } as const
  const { warnings } = loadPolicy({ ...rules, descriptors: { path: '/d', files } })
  t.regex(
    warnings.map(({ message }) => message).join(),
    /mod-x-1\.0\.0 is asked about every request/,
  )
})

test('each kind has a sentence', (t) => {
  const all = trustedIn(
    installed([{ id: 'mod-x-1.0.0', provides: provides('login'), filters: [AUTH] }]),
  )
  t.is(new Set(all.map(trustText)).size, 3)
})
