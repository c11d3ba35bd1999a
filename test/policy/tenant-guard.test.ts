import test from 'ava'
import { parseCaller } from '../../src/policy/caller.ts'
import type { PolicySource } from '../../src/policy/compiled-policy.ts'
import type { Allow } from '../../src/policy/decision.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import type { BroughtTenants } from '../../src/policy/tenant-guard.ts'
import { compiled, findings, policyOf, type Rules } from './tools.ts'

const NOTHING: BroughtTenants = { has: () => false, crossed: () => false }
const T = 'diku'

interface Question {
  readonly caller: string
  readonly at?: string
  readonly method?: string
  readonly path?: string
  readonly tenant?: string
  readonly claim?: string
  readonly brought?: BroughtTenants
}

const rules = (list: readonly object[]) => ruleSources(list, 'sidecar.yaml', '/policy/tenantsOf')

/** What policy and guard say together. */
function ask(given: Rules, question: Question) {
  const { caller, at = 'okapi', method = 'GET', path = '/users/1', tenant = T, claim } = question
  const judge = policyOf(given).bind(parseCaller(caller), at)
  const bytes = Buffer.from(path)
  const decision = judge.decide(method, bytes, 0, bytes.length, tenant, undefined)
  if (!decision.allow) return { reason: decision.refusal.reason, because: decision.because }
  const refusal = judge.tenants.judge(tenant, claim, decision, question.brought ?? NOTHING)
  return refusal === null
    ? { reason: 'passes', mode: judge.tenants.mode }
    : { ...refusal, mode: judge.tenants.mode }
}

const word = (given: Rules, question: Question) => ask(given, question).reason
const NOTES = 'mod-notes-8.1.0'
const brought = (...tenants: string[]): BroughtTenants => ({
  has: (id, tenant) => id === NOTES && tenants.includes(tenant),
  crossed: (id, from, to) => id === NOTES && tenants.includes(`${from}>${to}`),
})

test('a token of the same tenant passes, one of another does not', (t) => {
  for (const caller of [NOTES, 'public']) {
    t.is(word({}, { caller, claim: T }), 'passes')
    t.is(word({}, { caller, claim: 'other' }), 'tenant-mismatch')
    t.is(word({}, { caller, claim: 'Diku' }), 'tenant-mismatch')
  }
})

test('a refusal says who, which tenants, why, and what would allow it', (t) => {
  const told = ask({}, { caller: NOTES, claim: 'other' })
  t.like(told, {
    because:
      'mod-notes-8.1.0 may not act for tenant diku with a token of tenant other: no consortium has both, and no grant lets it cross',
    wouldAllow:
      'a token of diku; a grant {caller: mod-notes-8.1.0, at: okapi, cross: {from: [other], to: [diku]}, why} at the sidecars of mod-notes and of Okapi',
  })
  t.like(ask({}, { caller: NOTES }), {
    because:
      'mod-notes-8.1.0 may not call for tenant diku without a token: Okapi has not called it for that tenant since the start',
    wouldAllow:
      'a token of diku; or {caller: mod-notes-8.1.0, tenants: [diku], why} in policy.tenantsOf',
  })
  const odd = ask({}, { caller: NOTES, claim: `a"\n${'x'.repeat(100)}` })
  t.regex(String(odd.because), /of tenant "a\\"\\nx{61}\.\.\.": no consortium/)
})

test('without a token a module acts for tenants that it serves, and logs in anywhere', (t) => {
  t.is(word({}, { caller: NOTES }), 'tenant-not-allowed')
  t.is(word({}, { caller: NOTES, brought: brought(T) }), 'passes')
  t.is(word({}, { caller: NOTES, brought: brought('other') }), 'tenant-not-allowed')
  t.is(word({ withoutToken: 'any' }, { caller: NOTES }), 'passes')
  const login = { method: 'POST', path: '/authn/login' }
  const grants = [{ caller: 'mod-notes', at: 'okapi', interface: 'login', why: 'system user' }]
  t.is(word({ grants }, { caller: NOTES, ...login }), 'passes')
  t.is(word({ grants }, { caller: NOTES, ...login, claim: 'other' }), 'tenant-mismatch')
  // Who are no modules are served by nobody; what they may is said by grants.
  t.is(word({}, { caller: 'public' }), 'passes')
})

test('tenantsOf: a list, what is served, or another mode, by caller', (t) => {
  const of = (rule: object): Rules => ({
    tenantsOf: rules([{ caller: 'mod-notes', why: 'test', ...rule }]),
  })
  const list = of({ tenants: ['diku', 'a'] })
  t.is(word(list, { caller: NOTES, claim: T }), 'passes')
  t.is(word(list, { caller: NOTES }), 'passes', 'the list stands for what it serves')
  t.is(word(list, { caller: NOTES, tenant: 'b', claim: 'b' }), 'tenant-not-allowed')
  t.is(word(list, { caller: NOTES, tenant: 'a', claim: T }), 'tenant-mismatch')
  t.is(word(list, { caller: 'public', tenant: 'b', claim: 'b' }), 'passes')
  const serving = of({ tenants: 'serving' })
  t.is(word(serving, { caller: NOTES, claim: T }), 'tenant-not-allowed')
  t.is(word(serving, { caller: NOTES, claim: T, brought: brought(T) }), 'passes')
  t.is(word(of({ withoutToken: 'any' }), { caller: NOTES }), 'passes')
  t.is(ask(of({ mode: 'report' }), { caller: NOTES }).mode, 'report')
  t.is(ask(of({ mode: 'report' }), { caller: 'public', claim: 'x' }).mode, 'enforce')
  const exact = rules([
    { caller: 'mod-notes', tenants: ['a'], why: 'w' },
    { caller: NOTES, tenants: [T], why: 'the whole name before the product' },
  ])
  t.is(word({ tenantsOf: exact }, { caller: NOTES, claim: T }), 'passes')
})

test('a grant of tenants adds to what a rule leaves', (t) => {
  const tenantsOf = rules([{ caller: 'mod-notes', tenants: ['a'], why: 'w' }])
  const grant = { caller: 'mod-notes', at: 'okapi', tenants: [T], why: 'w' }
  t.is(word({ tenantsOf, grants: [grant] }, { caller: NOTES, claim: T }), 'passes')
  t.is(word({ tenantsOf, grants: [grant] }, { caller: NOTES }), 'passes')
  const ended = { ...grant, until: '2001-01-01' }
  t.is(word({ tenantsOf, grants: [ended] }, { caller: NOTES, claim: T }), 'tenant-not-allowed')
})

test('a grant lets its caller cross between its tenants, in its direction, until it ends', (t) => {
  const cross = { from: ['other', 'third'], to: [T] }
  const grant = { caller: 'mod-notes', at: 'okapi', cross, why: 'moving records' }
  const given = { grants: [grant] }
  t.is(word(given, { caller: NOTES, claim: 'other' }), 'passes')
  t.is(word(given, { caller: NOTES, claim: 'third' }), 'passes')
  t.is(word(given, { caller: NOTES, claim: 'fourth' }), 'tenant-mismatch')
  t.is(word(given, { caller: NOTES, tenant: 'other', claim: T }), 'tenant-mismatch')
  t.is(word(given, { caller: 'public', claim: 'other' }), 'tenant-mismatch')
  t.is(
    word({ grants: [{ ...grant, until: '2001-01-01' }] }, { caller: NOTES, claim: 'other' }),
    'tenant-mismatch',
  )
})

const CONSORTIA: PolicySource['consortia'] = {
  value: {
    consortia: [{ central: 'east', members: ['college', 'university'] }],
    cross: [{ caller: 'mod-login', directions: ['central-to-member'], why: 'w' }],
  },
  file: 'consortia.yaml',
  pointer: '',
}

test('a module hands on what Okapi brought to it, inside the consortium', (t) => {
  const of = (list: string[], more: Partial<Question> = {}): Question => ({
    ...{ caller: NOTES, tenant: 'college', claim: 'east', brought: brought(...list) },
    ...more,
  })
  const given = { consortia: CONSORTIA }
  t.is(word(given, of([])), 'tenant-mismatch')
  t.is(word(given, of(['college'])), 'tenant-mismatch')
  t.is(word(given, of(['college', 'east>college'])), 'passes')
  t.is(word(given, of(['college', 'east>college'], { tenant: 'university' })), 'tenant-mismatch')
  t.is(word(given, of(['college', 'college>east'])), 'tenant-mismatch', 'the other way round')
  t.is(word(given, of(['stranger>college'], { claim: 'stranger' })), 'tenant-mismatch')
  t.is(word({}, of(['college', 'east>college'])), 'tenant-mismatch', 'without a consortium')
  // A grant of another caller shows that tokens of `other` may come to `diku`.
  const cross = { from: ['other'], to: [T] }
  const grants = [{ caller: 'operator/anna', at: 'okapi', cross, why: 'w' }]
  const handsOn = of(['other>diku'], { tenant: T, claim: 'other' })
  t.is(word({ grants }, handsOn), 'passes')
  t.is(word({}, handsOn), 'tenant-mismatch')
})

test('the refusal of a crossing names the rule that is missing', (t) => {
  const question = { caller: NOTES, tenant: 'college', claim: 'east' }
  const told = ask({ consortia: CONSORTIA }, question)
  t.regex(
    String(told.because),
    /no rule lets it cross central-to-member in the consortium of east$/,
  )
  t.regex(
    String('wouldAllow' in told ? told.wouldAllow : ''),
    /^a token of college; \{caller: mod-notes-8\.1\.0, directions: \[central-to-member\], consortia: \[east\], why\} under `cross`/,
  )
})

test('Okapi is not held to it, and past Okapi only header and token are', (t) => {
  const judge = policyOf({}).bind(parseCaller('okapi-7.2.0'), NOTES)
  t.is(judge.tenants.mode, 'off')
  const grants = [
    { caller: 'mod-tags', at: 'mod-notes', interface: 'notes', why: 'w' },
    { caller: 'client/prom', at: 'mod-notes', methods: ['GET'], path: '/metrics', why: 'w' },
  ]
  const direct = { caller: 'mod-tags-3.1.0', at: NOTES, path: '/notes' }
  t.is(word({ grants }, direct), 'passes')
  t.is(word({ grants }, { ...direct, claim: 'other' }), 'tenant-mismatch')
  const tenantsOf = rules([{ caller: 'mod-tags', tenants: 'serving', why: 'w' }])
  const all: BroughtTenants = { has: () => true, crossed: () => true }
  t.is(word({ grants, tenantsOf }, { ...direct, claim: T, brought: all }), 'tenant-not-allowed')
  t.is(
    word({ grants }, { caller: 'client/prom', at: NOTES, path: '/metrics', tenant: '' }),
    'passes',
  )
})

test('rules of tenants that cannot be meant are errors with their place', (t) => {
  const wrong = (rule: object) => {
    const { policy, problems } = compiled({ tenantsOf: rules([rule]) })
    t.is(policy, undefined)
    return findings(problems)
  }
  const rule = { caller: 'mod-notes', why: 'w' }
  for (const [given, expected] of [
    [{ ...rule, tenants: [] }, 'tenants must be a list that is not empty'],
    [{ ...rule, tenants: 'some' }, 'tenants must be one of all, serving'],
    [{ ...rule, tenants: ['a b'] }, '"a b" is not a tenant name'],
    [{ ...rule, mode: 'on' }, 'mode must be one of off, report, enforce'],
    [{ ...rule, withoutToken: 'none' }, 'withoutToken must be one of serving, any'],
    [{ ...rule, caller: 'public', withoutToken: 'any' }, 'withoutToken is for modules'],
    [
      { ...rule, caller: 'operator/x', tenants: 'serving' },
      'serving is for modules, which Okapi calls',
    ],
    [{ ...rule, caller: 'okapi', tenants: 'serving' }, 'serving is for modules, which Okapi calls'],
    [{ ...rule, caller: 'mod-*' }, 'caller must be a module'],
    [{ caller: 'mod-notes' }, 'why must be a text'],
    [{ ...rule, tenant: ['a'] }, 'there is no field tenant here'],
  ] as const) {
    const [found, ...more] = wrong(given)
    t.is(more.length, 0)
    t.true(found?.includes(expected), `${found}: ${expected}`)
    t.true(found?.includes('/policy/tenantsOf/0'), String(found))
  }
  const twice = compiled({ tenantsOf: rules([rule, rule]) })
  t.regex(findings(twice.problems)[0] ?? '', /tenantsOf\/1\/caller: mod-notes is listed twice/)
})

test('what tenants may change changes the hash of a policy', (t) => {
  const hashes = [
    {},
    { tenants: 'report' },
    { tenants: 'off' },
    { withoutToken: 'any' },
    { consortia: CONSORTIA },
    { tenantsOf: rules([{ caller: 'mod-notes', tenants: ['a'], why: 'w' }]) },
  ].map((given) => policyOf(given as Rules).hash)
  t.is(new Set(hashes).size, hashes.length)
  t.is(policyOf({ tenants: 'enforce' }).hash, hashes[0]!, 'the default')
})

test('the guard allocates nothing that outlives a question, and answers the same twice', (t) => {
  const judge = policyOf({}).bind(parseCaller(NOTES), 'okapi')
  const bytes = Buffer.from('/users/1')
  const allowed = judge.decide('GET', bytes, 0, bytes.length, T, undefined) as Allow
  t.is(judge.tenants.judge(T, T, allowed, NOTHING), null)
  t.deepEqual(
    judge.tenants.judge(T, 'x', allowed, NOTHING),
    judge.tenants.judge(T, 'x', allowed, NOTHING),
  )
})

test('what is said of tenants, for people', (t) => {
  const lines = (given: Rules) => policyOf(given).summary('okapi-7.2.0').tenants
  t.deepEqual(lines({}), ['held against tokens, enforced'])
  t.deepEqual(lines({ tenants: 'report', withoutToken: 'any' }), [
    'held against tokens, REPORT ONLY; calls of modules without a token for any tenant',
  ])
  const many = Array.from({ length: 12 }, (_, i) => `t${i}`)
  const tenantsOf = rules([
    { caller: 'mod-notes', tenants: many, why: 'a' },
    { caller: 'mod-users', tenants: 'serving', mode: 'report', withoutToken: 'any', why: 'b' },
    { caller: 'mod-tags', mode: 'off', why: 'c' },
  ])
  t.deepEqual(lines({ consortia: CONSORTIA, tenantsOf }), [
    'held against tokens, enforced',
    'consortium of east: college, university',
    'may cross: mod-login: central-to-member (w)',
    'mod-notes: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 2 more (a)',
    'mod-users: tenants that it serves, held against tokens, REPORT ONLY, without a token for any (b)',
    'mod-tags: all tenants, not held against tokens (c)',
  ])
})

test('for which tenants a hijacked module gets at what policy opens', (t) => {
  const reach = (given: Rules, caller = NOTES) =>
    policyOf(given).bind(parseCaller(caller), 'okapi').tenants.reach
  t.deepEqual(reach({}), ['all tenants, in each with a token of that tenant'])
  t.regex(reach({ tenants: 'report' })[0] ?? '', /^all tenants, with any token/)
  t.regex(reach({}, 'okapi-7.2.0')[0] ?? '', /^all tenants, with any token/)
  const tenantsOf = rules([{ caller: 'mod-notes', tenants: ['a', 'b'], why: 'w' }])
  const grants = [
    { caller: 'mod-notes', at: 'okapi', cross: { from: ['x'], to: ['a'] }, why: 'w' },
    { caller: 'mod-notes', at: 'okapi', tenants: ['c'], why: 'w' },
  ]
  const cross = [{ caller: 'mod-notes', directions: ['member-to-central'], why: 'w' }]
  const consortia = {
    ...{ file: 'c.yaml', pointer: '' },
    value: { consortia: [{ central: 'east', members: ['college'] }], cross },
  }
  t.deepEqual(reach({ tenantsOf, grants, consortia }), [
    'tenants a, b, c, with their tokens',
    'it may cross: mod-notes: member-to-central',
    'a grant: tokens of x for a',
  ])
  t.deepEqual(reach({ consortia }, 'mod-tags-3.1.0'), [
    'all tenants, in each with a token of that tenant',
  ])
})
