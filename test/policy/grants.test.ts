import test from 'ava'
import { ask, compiled, findings, policyOf, word } from './tools.ts'

const GOOD = { caller: 'mod-tags', at: 'okapi', interface: 'users', why: 'test' }
const at = (date: string) => () => Date.parse(date)

const WRONG: readonly (readonly [what: string, grant: object, finding: RegExp])[] = [
  ['no why', { ...GOOD, why: undefined }, /^error \/grants\/0: why must be/],
  ['an empty why', { ...GOOD, why: ' ' }, /^error \/grants\/0\/why/],
  ['no caller', { ...GOOD, caller: undefined }, /^error \/grants\/0: caller/],
  ['caller none', { ...GOOD, caller: 'none' }, /^error \/grants\/0\/caller/],
  ['caller *', { ...GOOD, caller: '*' }, /^error \/grants\/0\/caller/],
  [
    'caller operator/ without a name',
    { ...GOOD, caller: 'operator/' },
    /^error \/grants\/0\/caller/,
  ],
  ['nothing opened', { ...GOOD, interface: undefined }, /^error \/grants\/0: a grant opens one of/],
  ['two things opened', { ...GOOD, tenants: ['supertenant'] }, /^error \/grants\/0: a grant opens/],
  ['methods without a path', { ...GOOD, methods: ['GET'] }, /^error \/grants\/0\/methods/],
  [
    'a path without methods',
    { ...GOOD, interface: undefined, path: '/x' },
    /^error .*methods must/,
  ],
  [
    'a path without a slash',
    { ...GOOD, interface: undefined, methods: ['GET'], path: 'x' },
    /^error \/grants\/0\/path/,
  ],
  [
    'a method in lower case',
    { ...GOOD, interface: undefined, methods: ['get'], path: '/x' },
    /^error \/grants\/0\/methods/,
  ],
  [
    'a path Okapi cannot read',
    { ...GOOD, interface: undefined, methods: ['GET'], path: '/a.b' },
    /^error \/grants\/0\/path/,
  ],
  [
    'a slip in until',
    { ...GOOD, untill: '2099-01-01' },
    /^error \/grants\/0\/untill: there is no field/,
  ],
  ['a date that is none', { ...GOOD, until: 'tomorrow' }, /^error \/grants\/0\/until/],
  ['a day that is none', { ...GOOD, until: '2027-02-31T00:00:00' }, /^error \/grants\/0\/until/],
  [
    'administration for a module',
    { ...GOOD, interface: undefined, admin: ['read'] },
    /^error \/grants\/0\/admin/,
  ],
  [
    'a group that is none',
    { ...GOOD, caller: 'operator/o', interface: undefined, admin: ['all'] },
    /^error .*all is not one/,
  ],
  [
    'administration at a module',
    { ...GOOD, at: 'mod-users', caller: 'operator/o', interface: undefined, admin: ['read'] },
    /^error \/grants\/0\/at/,
  ],
  ['a list in place of a rule', [], /^error \/grants\/0: must be an object/],
  // Trust rule 5.
  [
    'the ingress of a module with an auth filter',
    { ...GOOD, at: 'mod-authtoken', interface: 'authtoken' },
    /^error .*auth filter/,
  ],
  [
    'the same for an operator',
    { ...GOOD, caller: 'operator/o', at: 'mod-authtoken-2.18.0', interface: 'authtoken' },
    /^error .*auth filter/,
  ],
  [
    'the tenant interface',
    { ...GOOD, at: 'mod-users', interface: '_tenant' },
    /^error .*no grant opens _tenant/,
  ],
  [
    'a tenant route',
    { ...GOOD, at: 'mod-users', interface: undefined, methods: ['POST'], path: '/_/tenant' },
    /^error .*system routes/,
  ],
  [
    'a tenant route behind a star',
    { ...GOOD, at: 'mod-users', interface: undefined, methods: ['*'], path: '/*' },
    /^error .*system routes/,
  ],
  [
    'a tenant route by parameters',
    { ...GOOD, at: 'mod-users', interface: undefined, methods: ['GET'], path: '/{a}/{b}/{c}' },
    /^error .*system routes/,
  ],
  [
    'REST under /_/ by invocation',
    { ...GOOD, interface: undefined, methods: ['GET'], path: '/_/invoke/tenant/{t}/_/*' },
    /^error .*never open/,
  ],
  [
    'the tenant interface through Okapi',
    { ...GOOD, interface: undefined, methods: ['POST'], path: '/_/tenant*' },
    /^error .*tenant interface/,
  ],
  [
    'public at a module',
    { ...GOOD, caller: 'public', at: 'mod-users' },
    /^error .*public calls at okapi/,
  ],
  // What opens nothing.
  [
    'a caller that is not installed',
    { ...GOOD, caller: 'mod-tag' },
    /^warning .*no descriptor of mod-tag /,
  ],
  [
    'another version of a caller',
    { ...GOOD, caller: 'mod-tags-3.0.0' },
    /^warning .*no descriptor/,
  ],
  [
    'an ingress that is not installed',
    { ...GOOD, at: 'mod-user' },
    /^warning .*no descriptor of mod-user /,
  ],
  [
    'an interface that no module provides',
    { ...GOOD, interface: 'user' },
    /^warning .*provides `user`/,
  ],
  [
    'a path that no module declares',
    { ...GOOD, interface: undefined, methods: ['GET'], path: '/nothing/{x}' },
    /^warning .*declares a route/,
  ],
  ['an interface for public', { ...GOOD, caller: 'public' }, /^warning .*anyway/],
  ['what has ended', { ...GOOD, until: '2001-01-01' }, /^warning .*has ended/],
  // What opens far too much.
  [
    'all of Okapi’s administration for a module',
    { ...GOOD, interface: undefined, methods: ['*'], path: '/_/*' },
    /^warning .*lets mod-tags administrate Okapi \(discovery, deployment, .*, import\)/,
  ],
  [
    'any change of Okapi for browsers',
    {
      ...GOOD,
      caller: 'public',
      interface: undefined,
      methods: ['POST'],
      path: '/_/proxy/tenants',
    },
    /^warning .*lets every browser administrate Okapi \(tenants\)/,
  ],
]

test('a module may have a route of Okapi’s administration, and browsers may read', (t) => {
  const path = (caller: string, methods: readonly string[], path: string) =>
    compiled({ grants: [{ ...GOOD, caller, interface: undefined, methods, path }] }).problems
  t.deepEqual(path('mod-tags', ['POST'], '/_/proxy/tenants/{tenantId}/install'), [])
  t.deepEqual(path('mod-tags', ['GET'], '/_/proxy/*'), [])
  t.deepEqual(path('public', ['GET'], '/_/proxy/tenants/{tenantId}/*'), [])
  t.deepEqual(path('operator/anna', ['*'], '/_/*'), [])
})

for (const [what, grant, finding] of WRONG) {
  test(`finds ${what}`, (t) => {
    const { policy, problems } = compiled({ grants: [grant] })
    t.is(problems.length, 1, findings(problems).join('\n'))
    t.regex(findings(problems)[0]!, finding)
    t.is(problems[0]!.where?.file, 'test.yaml')
    t.is(policy === undefined, problems[0]!.severity === 'error')
  })
}

test('a path that merely matches /_/ opens nothing of Okapi’s administration', (t) => {
  const asked = { caller: 'operator/o', path: '/_/proxy/tenants' }
  const opened = (path: string) =>
    word(
      ask(
        policyOf({
          grants: [{ ...GOOD, caller: 'operator/o', interface: undefined, methods: ['GET'], path }],
        }),
        asked,
      ),
    )
  for (const path of ['/*', '/{a}/{b}/{c}', '/_*', '/{a}*']) t.is(opened(path), 'admin-route', path)
  for (const path of ['/_/*', '/_/proxy/{what}']) t.is(opened(path), 'grant', path)
})

test('correct grants have no findings', (t) => {
  const grants = [
    GOOD,
    { ...GOOD, caller: 'mod-tags-3.1.0', until: '2099-01-01', source: 'somewhere' },
    { ...GOOD, interface: undefined, methods: ['GET'], path: '/perms/*' },
    { ...GOOD, at: 'mod-users-19.7.0', interface: 'users' },
    { ...GOOD, interface: undefined, methods: ['GET'], path: '/_/proxy/tenants' },
    { ...GOOD, caller: 'operator/o', interface: undefined, admin: ['read', 'env'] },
    { ...GOOD, interface: undefined, tenants: ['supertenant'] },
  ]
  t.deepEqual(findings(compiled({ grants }).problems), [])
})

test('a grant ends at the end of its day, while the policy is in use', (t) => {
  let now = Date.parse('2027-01-31T23:59:59.999Z')
  const grants = [{ ...GOOD, until: '2027-01-31' }]
  const policy = policyOf({ grants, now: () => now })
  const asked = () => word(ask(policy, { caller: 'mod-tags-3.1.0', path: '/users/1' }))
  t.is(asked(), 'grant')
  now += 1
  t.is(asked(), 'interface-not-required')
  const { because } = ask(policy, { caller: 'mod-tags-3.1.0', path: '/users/1' })
  t.regex(because, /the grant of interface `users` has ended$/)
})

test('a time with a zone ends a grant to the second', (t) => {
  const grants = [{ ...GOOD, until: '2027-01-31T12:00:00+01:00' }]
  const asked = (date: string) =>
    word(ask(policyOf({ grants, now: at(date) }), { caller: 'mod-tags-3.1.0', path: '/users' }))
  t.is(asked('2027-01-31T10:59:59Z'), 'grant')
  t.is(asked('2027-01-31T11:00:00Z'), 'interface-not-required')
})

test('known grants hold only for the products that are named', (t) => {
  const known = [
    { ...GOOD, caller: 'mod-tags', interface: 'users' },
    { ...GOOD, caller: 'mod-notes', interface: 'permissions' },
  ]
  const off = policyOf({ known })
  t.is(word(ask(off, { caller: 'mod-tags-3.1.0', path: '/users' })), 'interface-not-required')
  const on = policyOf({ known, knownGrants: ['mod-tags'] })
  t.is(word(ask(on, { caller: 'mod-tags-3.1.0', path: '/users' })), 'grant')
  const notes = { caller: 'mod-notes-8.1.0', path: '/perms/users' }
  t.is(word(ask(on, notes)), 'interface-not-required')
  const { policy, problems } = compiled({ known, knownGrants: ['mod-nobody'] })
  t.is(policy, undefined)
  t.regex(problems[0]!.message, /nothing is known of mod-nobody/)
})

test('a profile opens what it says at Okapi, until its end, and nothing to anybody else', (t) => {
  const until = '2027-01-31'
  const grant = (profile: string, more: object = {}) => ({
    ...{ caller: 'operator/anna', at: 'okapi', profile, why: 'first day' },
    ...more,
  })
  const words = (profile: string, now = '2027-01-20T00:00:00Z', caller = 'operator/anna') => {
    const policy = policyOf({ grants: [grant(profile, { until })], now: at(now) })
    const asked = (method: string, path: string) =>
      word(ask(policy, { caller, method, path, tenant: 'supertenant' }))
    return [
      asked('GET', '/_/proxy/tenants'),
      asked('POST', '/_/proxy/modules'),
      asked('GET', '/_/env'),
      asked('POST', '/perms/users'),
      asked('POST', '/authn/login'),
    ]
  }
  const [admin, closed] = ['admin-route', 'interface-not-required']
  t.deepEqual(words('bootstrap'), ['grant', 'grant', admin, 'grant', 'grant'])
  t.deepEqual(words('daily'), ['grant', 'grant', admin, closed, 'grant'])
  t.deepEqual(words('read-only'), ['grant', admin, admin, closed, 'grant'])
  const never = Array.from({ length: 5 }, () => 'caller-not-allowed')
  t.deepEqual(words('bootstrap', '2027-02-01T00:00:01Z'), never)
  t.deepEqual(words('bootstrap', undefined, 'operator/bo'), never)
})

test('bootstrap needs an end that is near; a profile is for operators, alone in its grant', (t) => {
  const found = (grant: object) => {
    const base = { caller: 'operator/anna', at: 'okapi', why: 'first day' }
    return findings(compiled({ grants: [{ ...base, ...grant }], now: at('2027-01-20') }).problems)
  }
  t.regex(found({ profile: 'bootstrap' }).join(), /^error \/grants\/0: profile bootstrap needs/)
  t.deepEqual(found({ profile: 'bootstrap', until: '2027-01-31' }), [])
  t.regex(
    found({ profile: 'bootstrap', until: '2027-12-31' }).join(),
    /^warning \/grants\/0: profile bootstrap is for the first day: let it end within 31 days$/,
  )
  t.deepEqual(found({ profile: 'bootstrap', until: '2027-01-01' }), [
    'warning /grants/0: this grant has ended: profile bootstrap of operator/anna; remove it',
  ])
  t.deepEqual(found({ profile: 'read-only' }), [])
  t.regex(
    found({ profile: 'all' }).join(),
    /all is not one of the profiles bootstrap, daily, read-only/,
  )
  t.regex(found({ profile: 'daily', admin: ['env'] }).join(), /admin does not go with a profile/)
  t.regex(found({ profile: 'daily', caller: 'client/sms' }).join(), /0\/profile: .* for operators/)
  t.regex(found({ profile: 'daily', at: 'mod-users' }).join(), /opened at okapi, not at mod-users/)
})

test('the status page tells a profile by its name, once', (t) => {
  const grants = [
    { caller: 'operator/anna', at: 'okapi', profile: 'bootstrap', until: '2027-01-31', why: 'w' },
  ]
  const policy = policyOf({ grants, now: at('2027-01-20') })
  const { expiring, callers } = policy.summary('okapi-7.2.0')
  t.deepEqual(expiring, ['operator/anna at okapi: profile bootstrap, ends 2027-01-31'])
  t.deepEqual(
    callers.filter(({ name }) => name.startsWith('operator')).map(({ what }) => what),
    ['profile bootstrap'],
  )
  t.deepEqual(
    policy.profiles.map(({ caller, profile }) => [caller, profile]),
    [['operator/anna', 'bootstrap']],
  )
})

test('a known grant of a set holds where the set is named, and not where its product is', (t) => {
  const supertenant = { tenants: ['supertenant'], interface: undefined }
  const known = [
    { ...GOOD, ...supertenant, caller: 'mod-login', set: 'supertenant' },
    { ...GOOD, caller: 'mod-login', interface: 'tags' },
  ]
  const users = { caller: 'mod-login-7.14.0', path: '/users?query=x', tenant: 'supertenant' }
  const tags = { caller: 'mod-login-7.14.0', path: '/tags', tenant: 'diku' }
  const words = (knownGrants: readonly string[]) => {
    const policy = policyOf({ known, knownGrants })
    return [word(ask(policy, users)), word(ask(policy, tags))]
  }
  t.deepEqual(words(['supertenant']), ['requires', 'interface-not-required'])
  t.deepEqual(words(['mod-login']), ['tenant-not-allowed', 'grant'])
})

test('a refusal names every sidecar that needs the grant', (t) => {
  const policy = policyOf({ grants: [{ ...GOOD, caller: 'operator/anna', interface: 'users' }] })
  const wouldAllow = (question: Parameters<typeof ask>[1]) => {
    const decision = ask(policy, question)
    return decision.allow ? '' : decision.refusal.wouldAllow
  }
  t.regex(
    wouldAllow({ caller: 'mod-login-7.14.0', path: '/users', tenant: 'supertenant' }) ?? '',
    /tenants: \[supertenant\], why\} at the sidecars of mod-login and of Okapi$/,
  )
  t.regex(
    wouldAllow({ caller: 'mod-tags-3.1.0', path: '/users' }) ?? '',
    /interface: users, why\} at the sidecars of mod-tags and of Okapi$/,
  )
  t.regex(
    wouldAllow({ caller: 'operator/anna', path: '/_/proxy/tenants' }) ?? '',
    /admin: \[GROUP\] \| profile: NAME, why\} at Okapi’s sidecar$/,
  )
})

test('one file of grants serves all: beside a module only what is about it is checked for use', (t) => {
  const grants = [
    { ...GOOD, caller: 'mod-absent', interface: 'users' },
    { ...GOOD, caller: 'mod-tags', interface: 'absent' },
  ]
  const words = (own?: string) =>
    compiled({ grants, ...(own === undefined ? {} : { own }) }).problems.map(
      ({ message }) => message,
    )
  t.is(words().length, 2)
  t.is(words('okapi-7.2.0').length, 2)
  t.is(words('mod-notes-8.1.0').length, 0)
  t.regex(words('mod-tags-3.1.0').join(), /^nothing installed provides `absent`/)
})

test('a product is compared whole', (t) => {
  const policy = policyOf({ grants: [{ ...GOOD, caller: 'mod-login', interface: 'tags' }] })
  t.is(word(ask(policy, { caller: 'mod-login-7.14.0', path: '/tags' })), 'grant')
  const longer = { caller: 'mod-login-saml-2.11.0', path: '/tags' }
  t.is(word(ask(policy, longer)), 'interface-not-required')
})

test('the rule of a grant has its position', (t) => {
  const policy = policyOf({ grants: [GOOD] })
  const decision = ask(policy, { caller: 'mod-tags-3.1.0', path: '/users' })
  t.deepEqual(decision.rule, { kind: 'grant', file: 'test.yaml', pointer: '/grants/0' })
})

test('the interfaces of high sensitivity open by exact grants only', (t) => {
  const path = { methods: ['GET'], path: '/users/{id}' }
  const open = (grant: object) => {
    const rules = { sensitivity: { users: 'high' as const }, grants: [{ ...GOOD, ...grant }] }
    const decision = ask(policyOf(rules), { caller: 'mod-tags-3.1.0', path: '/users/1' })
    if (decision.allow) t.is(decision.sensitivity, 'high')
    return word(decision)
  }
  const without = { interface: undefined }
  t.is(open({}), 'interface-not-required')
  t.is(open({ caller: 'mod-tags-3.1.0' }), 'grant')
  t.is(open({ ...without, ...path }), 'interface-not-required')
  t.is(open({ ...without, ...path, caller: 'mod-tags-3.1.0' }), 'grant')
  const exact = { ...without, ...path, caller: 'mod-tags-3.1.0' }
  t.is(open({ ...exact, methods: ['*'] }), 'interface-not-required')
  t.is(open({ ...exact, path: '/users/*' }), 'interface-not-required')
})
