import test from 'ava'
import fc from 'fast-check'
import { grantsInForce } from '../../src/analysis/installation.ts'
import { ruleText } from '../../src/analysis/opening.ts'
import { reachOf } from '../../src/analysis/reach.ts'
import { type Caller, callerName, parseCaller } from '../../src/policy/caller.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import { caller, question, referenceModel } from '../policy/models.ts'
import { ask, installed, policyOf, type Rules } from '../policy/tools.ts'

function reach(rules: Rules, values?: readonly unknown[], callers?: readonly Caller[]) {
  const grants = grantsInForce({ grants: ruleSources(rules.grants ?? [], 'test.yaml', '/grants') })
  return reachOf({ policy: policyOf(rules, values), set: installed(values), grants }, callers)
}

const lines = (rules: Rules, who: string) =>
  reach(rules, undefined, [parseCaller(who)]).map(
    ({ provider, methods, pathPattern, only, rule, at }) =>
      `${provider} ${methods.join(',')} ${pathPattern}${only === null ? '' : ` only ${only}`} ${ruleText(rule)}${at === 'okapi' ? '' : ' direct'}`,
  )

test('a module: what it requires and provides, with the place of each rule', (t) => {
  const found = lines({}, 'mod-notes-8.1.0')
  t.true(
    found.includes('mod-users-19.7.0 GET /users/{id} requires mod-notes-8.1.0.json#/requires/0'),
  )
  t.true(found.includes('mod-notes-8.1.0 POST /notes own mod-notes-8.1.0.json#/provides/0'))
  t.false(found.some((line) => line.includes('/tags')))
  t.false(
    found.some((line) => line.includes('/_/')),
    'system interfaces and administration',
  )
})

test('Okapi: everything that modules declare, system interfaces and filters too', (t) => {
  const found = lines({}, 'okapi-7.2.0')
  t.true(
    found.includes(
      'mod-users-19.7.0 POST /_/tenant system mod-users-19.7.0.json#/provides/3/handlers/0 direct',
    ),
    found.filter((line) => line.includes('/_/tenant')).join('\n'),
  )
  t.true(found.some((line) => line.startsWith('mod-authtoken-2.18.0 * /* own')))
  t.false(found.some((line) => line.startsWith('okapi')))
})

test('public: every interface without a rule, Stripes’ part of the administration', (t) => {
  const found = lines({}, 'public')
  t.true(found.includes('mod-users-19.7.0 GET /users default'))
  t.true(found.includes('mod-users-19.7.0 GET /custom-fields default'), '`multiple`')
  t.true(found.includes('okapi GET /_/version a grant that is built in'))
  t.true(found.includes('okapi * /_/invoke/tenant/{tenantId}/saml/* a grant that is built in'))
  t.is(found.filter((line) => line.startsWith('okapi')).length, 4)
  t.false(found.some((line) => line.includes('/_/tenant ')))
})

test('grants: interfaces, paths, parts of routes, administration, tenants, tokens, past Okapi', (t) => {
  const grants = [
    { caller: 'mod-tags', at: 'okapi', methods: ['GET'], path: '/users/admin', why: 'a' },
    { caller: 'mod-tags', at: 'okapi', tenants: ['supertenant'], why: 'b' },
    { caller: 'mod-tags', at: 'mod-notes', methods: ['GET'], path: '/notes/*', why: 'c' },
    { caller: 'operator/o', at: 'okapi', admin: ['timers'], why: 'd' },
    { caller: 'client/c', at: 'mod-users', methods: ['GET'], path: '/metrics', why: 'e' },
    { caller: 'client/c', at: 'okapi', methods: ['GET'], path: '/_/brand-new', why: 'f' },
    { caller: 'client/c', at: 'mod-users', tenants: ['supertenant'], why: 'g' },
    { caller: 'mod-tags', at: 'okapi', tokens: ['mod-users'], why: 'h' },
  ]
  const tags = lines({ grants }, 'mod-tags-3.1.0').filter((line) => line.includes('grant'))
  t.deepEqual(tags, [
    'mod-users-19.7.0 GET /users/{id} only /users/admin grant test.yaml#/grants/0',
    'okapi * X-Okapi-Tenant: supertenant grant test.yaml#/grants/1',
    'okapi * X-Okapi-Token of mod-users grant test.yaml#/grants/7',
    'mod-notes-8.1.0 GET /notes/{id} grant test.yaml#/grants/2 direct',
  ])
  t.deepEqual(lines({ grants }, 'operator/o'), [
    'okapi PATCH /_/proxy/tenants/{tenantId}/timers grant test.yaml#/grants/3',
    'okapi PATCH /_/proxy/tenants/{tenantId}/timers/{timerId} grant test.yaml#/grants/3',
  ])
  t.deepEqual(lines({ grants }, 'client/c'), [
    'okapi GET /_/brand-new grant test.yaml#/grants/5',
    'mod-users-19.7.0 GET /metrics grant test.yaml#/grants/4 direct',
    'mod-users-19.7.0 * X-Okapi-Tenant: supertenant grant test.yaml#/grants/6 direct',
  ])
})

test('a part of a route beside another route that takes some of its paths', (t) => {
  for (const [routes, path, found] of [
    [['/a/', '/a', '/*'], '/a/*', ['/* /a/*', '/a/ null']],
    [['/a/b', '/a*b'], '/a/*', ['/a*b /a/*', '/a/b null']],
  ] as const) {
    const handlers = routes.map((pathPattern) => ({ methods: ['GET'], pathPattern }))
    const values = [
      { id: 'mod-c-1.0.0', provides: [{ id: 'x', version: '1.0', handlers }] },
      { id: 'mod-a-1.0.0', provides: [] },
    ]
    const grants = [{ caller: 'mod-a', at: 'okapi', methods: ['GET'], path, why: 'a test' }]
    const openings = reach({ grants }, values, [parseCaller('mod-a-1.0.0')])
    t.deepEqual(openings.map(({ pathPattern, only }) => `${pathPattern} ${only}`).sort(), found)
  }
})

test('nothing is open to who is unknown, in quarantine, or let pass by report mode alone', (t) => {
  t.deepEqual(lines({}, 'mod-gone-1.0.0'), [])
  t.deepEqual(lines({}, 'operator/o'), [])
  t.deepEqual(lines({}, 'none'), [])
  const quarantine = [{ module: 'mod-notes', why: 'a test' }]
  t.deepEqual(lines({ quarantine }, 'mod-notes-8.1.0'), [])
  t.false(lines({ quarantine }, 'okapi-7.2.0').some((line) => line.startsWith('mod-notes')))
  t.deepEqual(lines({ mode: 'report' }, 'mod-tags-3.1.0'), lines({}, 'mod-tags-3.1.0'))
})

test('any set: what is listed passes, and what passes is listed', (t) => {
  let [passed, listed] = [0, 0]
  fc.assert(
    fc.property(
      referenceModel,
      caller,
      fc.array(question, { minLength: 20, maxLength: 40 }),
      (w, who, asked) => {
        const rules = { grants: w.grants }
        const policy = policyOf(rules, w.modules)
        const openings = reach(rules, w.modules, [parseCaller(who)])
        listed += openings.length
        for (const { at, ...rest } of asked) {
          if (at !== 'okapi') continue
          const decision = ask(policy, { ...rest, caller: who, tenant: 'diku' })
          const { provider, route } = decision
          if (!decision.allow || provider === null || rest.path.startsWith('/_/')) continue
          if (rest.method === 'OPTIONS' || rest.method === 'UNHEARD-OF') continue
          passed++
          const found = openings.some(
            (opening) =>
              opening.provider === provider &&
              opening.pathPattern === route?.pathPattern &&
              (opening.methods.includes(rest.method) || opening.methods.includes('*')),
          )
          t.true(
            found,
            `${callerName(parseCaller(who))} ${rest.method} ${rest.path}: ${decision.because}`,
          )
        }
      },
    ),
    { numRuns: 500 },
  )
  t.true(passed > 50 && listed > 200, `${passed} passed, ${listed} listed`)
})
