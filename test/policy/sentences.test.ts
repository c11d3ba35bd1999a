import test from 'ava'
import { nearestModule } from '../../src/policy/descriptors.ts'
import { REASONS } from '../../src/refusal/reasons.ts'
import { ask, installed, policyOf } from './tools.ts'

const policy = policyOf()

// The log, the problem document and `policy explain` all say these.
const SENTENCES: readonly (readonly [asked: string, sentence: string])[] = [
  [
    'mod-tags-3.1.0 okapi GET /users/42',
    'mod-tags-3.1.0 may not GET /users/{id}: it is in interface `users` 16.5 of mod-users-19.7.0, which mod-tags neither requires nor lists as optional; no grant allows it',
  ],
  [
    'mod-notes-8.1.0 okapi GET /users/42',
    'mod-notes-8.1.0 may GET /users/{id}: it is in interface `users` 16.5 of mod-users-19.7.0, which mod-notes requires (15.1 16.0)',
  ],
  [
    'mod-inventory-22.1.0 okapi GET /tags',
    'mod-inventory-22.1.0 may not GET /tags: it is in interface `tags` 1.0 of mod-tags-3.1.0, but mod-inventory asks for `tags` 2.0',
  ],
  [
    'mod-tag-3.1.0 okapi GET /users/42',
    'mod-tag-3.1.0 may not call okapi: no descriptor of it is installed; the nearest name is mod-tags-3.1.0',
  ],
  [
    'mod-tags-3.1.0 mod-users-19.7.0 GET /users',
    'mod-tags-3.1.0 may not call mod-users-19.7.0: only Okapi may, and no grant allows it',
  ],
  [
    'mod-tags-3.1.0 okapi GET /_/env',
    'mod-tags-3.1.0 may not GET /_/env: Okapi’s administration is closed to it, and no grant allows it',
  ],
  [
    'okapi-7.2.0 mod-users-19.7.0 POST /admin/importSQL',
    'okapi-7.2.0 may not POST /admin/importSQL: the descriptor of mod-users-19.7.0 does not declare it',
  ],
  [
    'okapi-7.2.0 mod-users-19.7.0 POST /_/tenant',
    'okapi-7.2.0 may POST /_/tenant: mod-users-19.7.0 declares it as a system interface, in `_tenant` 2.0',
  ],
]

for (const [asked, sentence] of SENTENCES) {
  test(`says why: ${asked}`, (t) => {
    const [caller, at, method, path] = asked.split(' ')
    const question = { caller: caller!, at: at!, method: method!, path: path! }
    const decision = ask(policy, question)
    t.is(decision.because, sentence)
    if (decision.allow) return
    t.is(decision.refusal.because, sentence)
    t.is(decision.refusal.status, REASONS[decision.refusal.reason].status)
  })
}

test('what a caller chose is cut and made visible in a sentence, and is no label', (t) => {
  const path = `/${'x'.repeat(5000)}\u0007`
  const { because, routePattern } = ask(policy, { caller: 'mod-tags-3.1.0', path })
  t.true(because.length < 400)
  t.is(routePattern, '')
  const odd = ask(policy, {
    caller: 'mod-tags-3.1.0',
    path: '/a\u0007\r\n',
    method: 'M'.repeat(99),
  })
  t.regex(odd.because, /M\.\.\. \/a\?\?\?:/)
})

test('an allow that was given before is the same object, for any id in the path', (t) => {
  const asked = (path: string) => ask(policy, { caller: 'mod-notes-8.1.0', path, tenant: 'diku' })
  t.is(asked('/users/1'), asked('/users/2'))
  t.not(asked('/users/1'), asked('/users'))
  t.is(asked('/users/1').routePattern, '/users/{id}')
})

test('equal callers share an authorizer, and different callers do not', (t) => {
  const bind = (id: string, at: string) => policy.bind({ kind: 'module', id }, at)
  t.is(bind('mod-notes-8.1.0', 'okapi'), bind('mod-notes-8.1.0', 'okapi'))
  t.not(bind('mod-notes-8.1.0', 'okapi'), bind('mod-tags-3.1.0', 'okapi'))
  t.not(bind('public', 'okapi'), policy.bind({ kind: 'public' }, 'okapi'))
  t.not(bind('operator/o', 'okapi'), policy.bind({ kind: 'operator', name: 'o' }, 'okapi'))
})

test('a module called like a person gets nothing of that person', (t) => {
  const grant = { caller: 'operator/o', at: 'okapi', admin: ['read'], why: 'test' }
  const granted = policyOf({ grants: [grant] })
  const bytes = Buffer.from('/_/proxy/tenants')
  const as = (caller: Parameters<typeof granted.bind>[0]) =>
    granted.bind(caller, 'okapi').decide('GET', bytes, 0, bytes.length, 'diku', undefined).allow
  t.true(as({ kind: 'operator', name: 'o' }))
  t.false(as({ kind: 'module', id: 'operator/o' }))
  t.false(as({ kind: 'client', name: 'o' }))
})

test('traits follow the descriptor', (t) => {
  const of = (id: string) => {
    const traits = policy.traits(id)
    return traits && [traits.authFilter, traits.keepsTokens, traits.seesCookies]
  }
  t.deepEqual(of('mod-authtoken-2.18.0'), [true, true, true])
  t.deepEqual(of('mod-login-7.14.0'), [false, true, true])
  t.deepEqual(of('mod-login-saml-2.11.0'), [false, true, false])
  t.deepEqual(of('mod-users-19.7.0'), [false, false, false])
  t.is(of('mod-users-19.7.1'), undefined)
  t.is(policy.traits('mod-users-19.7.0')!.product, 'mod-users')
  t.is(installed().modules.size, 10)
})

test('the nearest name of a module is another version of it, however long', (t) => {
  const names = [
    'mod-tag-3.1.0',
    'mod-tags-3.1.0-SNAPSHOT.1234567',
    'mod-tags-2.0.0-SNAPSHOT.12345',
  ]
  t.is(nearestModule('mod-tags-3.1.0', names), names[1]!)
  t.is(nearestModule('mod-tasg-3.1.0', names), names[0]!)
  t.is(nearestModule('mod-inventory-3.1.0', names), null)
})

test('the nearest route is another method of the same path', (t) => {
  const nearest = (path: string, method: string, caller = 'mod-tags-3.1.0', at = 'okapi') => {
    const decision = ask(policy, { caller, at, path, method })
    return decision.allow ? undefined : decision.nearest
  }
  t.is(nearest('/tags/1', 'PATCH'), 'GET /tags/{id}')
  t.is(nearest('/nothing/1', 'GET'), null)
  t.is(nearest('/tags/1', 'PATCH', 'okapi-7.2.0', 'mod-tags-3.1.0'), 'GET /tags/{id}')
})
