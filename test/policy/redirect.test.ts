import test from 'ava'
import { differenceOf } from '../../src/analysis/difference.ts'
import { grantsInForce } from '../../src/analysis/installation.ts'
import { missingByHint, missingInLog } from '../../src/analysis/missing-permissions.ts'
import { reachOf } from '../../src/analysis/reach.ts'
import { installDescriptors } from '../../src/policy/descriptors.ts'
import { packDescriptors } from '../../src/policy/packed-descriptors.ts'
import { ask, FIXTURE_VALUES, installed, policyOf, type Rules, word } from './tools.ts'

// okapi-core ModuleCache: a redirect of `filters` is followed, beside what else matches; one of a
// handler takes the request from its bucket.

const REDIRECT = { methods: ['GET'], type: 'redirect', permissionsRequired: [] }
const GET = { methods: ['GET'], permissionsRequired: [] }

const turning = (handlers: readonly object[], filters: readonly object[] = []) => ({
  id: 'mod-turn-1.0.0',
  provides: [{ id: 'turn', version: '1.0', handlers }],
  filters,
})
const CALLER = {
  id: 'mod-caller-1.0.0',
  provides: [],
  requires: ['turn', 'real', 'many'].map((id) => ({ id, version: '1.0' })),
}
const REAL = {
  id: 'mod-real-1.0.0',
  provides: [
    { id: 'real', version: '1.0', handlers: [{ ...GET, pathPattern: '/real/{id}' }] },
    {
      id: 'many',
      version: '1.0',
      interfaceType: 'multiple',
      handlers: [{ ...GET, pathPattern: '/many' }],
    },
  ],
}
const installedWith = (turn: object) => [CALLER, REAL, turn]
const HANDLER = installedWith(
  turning([
    { ...REDIRECT, pathPattern: '/old/{id}', redirectPath: '/real/1' },
    { ...GET, pathPattern: '/turn' },
  ]),
)
const FILTER = installedWith(
  turning([], [{ ...REDIRECT, pathPattern: '/real/*', redirectPath: '/x' }]),
)
const GRANTS = [
  { caller: 'operator/o', at: 'okapi', methods: ['*'], path: '/*', why: 'test' },
  { caller: 'operator/o', at: 'okapi', admin: ['read'], why: 'test' },
]

test('a redirect does not prevent loading, and is reported', (t) => {
  const files = [...FIXTURE_VALUES, ...HANDLER].map((value, i) => ({
    file: `${i}.json`,
    path: `${i}.json`,
    value,
  }))
  const { set, problems } = installDescriptors(files)
  t.is(set!.modules.size, FIXTURE_VALUES.length + 3)
  t.deepEqual(problems, [
    {
      severity: 'warning',
      message: 'a redirect to /real/1: what it takes is refused',
      where: { file: `${files.length - 1}.json`, pointer: '/provides/0/handlers/0/type' },
    },
  ])
})

for (const who of ['mod-caller-1.0.0', 'mod-turn-1.0.0', 'public', 'plain', 'operator/o']) {
  for (const mode of ['enforce', 'report'] as const) {
    test(`${mode}: ${who} is refused what a redirect takes, and no more`, (t) => {
      const rules: Rules = { mode, grants: GRANTS }
      const handler = policyOf(rules, HANDLER)
      const decision = ask(handler, { caller: who, path: '/old/7' })
      t.false(decision.allow)
      t.is(word(decision), 'route-not-declared')
      t.is(
        decision.because,
        `${who} may not GET /old/{id}: mod-turn-1.0.0 redirects it to /real/1, and no redirect is followed here`,
      )
      t.is(
        decision.allow ? '' : decision.refusal.wouldAllow,
        'the call of /real/1 itself, where that is allowed',
      )
      t.is(decision.routePattern, '/old/{id}')
      const filter = policyOf(rules, FILTER)
      t.is(word(ask(filter, { caller: who, path: '/real/7' })), 'route-not-declared')
      t.is(word(ask(filter, { caller: who, path: '/real/7/8' })), 'route-not-declared')
      if (who === 'mod-turn-1.0.0') return
      t.true(ask(handler, { caller: who, path: '/real/1' }).allow, 'the target itself')
      t.true(ask(handler, { caller: who, path: '/turn' }).allow, 'its other routes')
      t.not(word(ask(handler, { caller: who, path: '/old/7', method: 'POST' })), 'grant')
    })
  }
}

test('a redirect takes what another module declares too, in the same bucket and in longer ones', (t) => {
  const asked = { caller: 'mod-caller-1.0.0', path: '/real/7' }
  const turns = (entry: object) => policyOf({}, installedWith(turning([{ ...REDIRECT, ...entry }])))
  const same = turns({ pathPattern: '/real/{other}', redirectPath: '/x' })
  t.is(word(ask(same, asked)), 'route-not-declared')
  const longer = turns({ pathPattern: '/real/7', redirectPath: '/x' })
  t.is(word(ask(longer, asked)), 'route-not-declared')
  t.is(word(ask(longer, { ...asked, path: '/real/8' })), 'requires')
  // A tenant may lack the module of the longer bucket.
  const shorter = turns({ pathPattern: '/*', redirectPath: '/x' })
  t.is(word(ask(shorter, asked)), 'route-not-declared')
  const legacy = turns({ path: '/rea', redirectPath: '/x' })
  t.is(word(ask(legacy, asked)), 'route-not-declared')
})

test('behind a longer bucket of its own module a handler’s redirect is never reached', (t) => {
  const turn = turning([
    { ...REDIRECT, pathPattern: '/turn/*', redirectPath: '/x' },
    { ...GET, pathPattern: '/turn/own/{id}' },
  ])
  const policy = policyOf({}, installedWith(turn))
  t.is(word(ask(policy, { caller: 'mod-caller-1.0.0', path: '/turn/own/1' })), 'requires')
  t.is(word(ask(policy, { caller: 'mod-caller-1.0.0', path: '/turn/own' })), 'route-not-declared')
})

test('a redirect among the filters takes calls of `multiple` interfaces, whatever the bucket', (t) => {
  const multiple = { caller: 'mod-caller-1.0.0', path: '/many', moduleId: 'mod-real-1.0.0' }
  t.is(word(ask(policyOf({}, FILTER), multiple)), 'requires')
  const filter = { ...REDIRECT, pathPattern: '/*', redirectPath: '/x', phase: 'pre' }
  const all = policyOf({ grants: GRANTS }, installedWith(turning([], [filter])))
  t.is(word(ask(all, multiple)), 'route-not-declared')
  // A handler's redirect stands in no table that X-Okapi-Module-Id picks.
  const handler = { ...REDIRECT, pathPattern: '/many', redirectPath: '/x' }
  t.is(word(ask(policyOf({}, installedWith(turning([handler]))), multiple)), 'requires')
})

test('Okapi’s administration: what a redirect takes of it is refused, and no more', (t) => {
  const admin = { caller: 'operator/o', path: '/_/proxy/tenants' }
  const rules: Rules = { grants: GRANTS }
  const filter = (pathPattern: string) =>
    policyOf(rules, installedWith(turning([], [{ ...REDIRECT, pathPattern, redirectPath: '/x' }])))
  t.is(word(ask(policyOf(rules, HANDLER), admin)), 'grant')
  t.is(word(ask(filter('/*'), admin)), 'route-not-declared')
  t.is(word(ask(filter('/_/proxy/tenants'), admin)), 'route-not-declared')
  t.is(word(ask(filter('/_/proxy/modules'), admin)), 'grant')
  const handler = (pathPattern: string) =>
    policyOf(rules, installedWith(turning([{ ...REDIRECT, pathPattern, redirectPath: '/x' }])))
  t.is(word(ask(handler('/_/proxy/tenants'), admin)), 'route-not-declared')
  t.is(word(ask(handler('/*'), admin)), 'grant')
  // Who may not call there learns nothing else.
  t.is(word(ask(filter('/*'), { ...admin, caller: 'mod-caller-1.0.0' })), 'admin-route')
})

test('/_/invoke is judged by the path that it leads to', (t) => {
  const saml = { caller: 'public', path: '/_/invoke/tenant/diku/saml/login' }
  const turn = (redirect: object) => [
    {
      id: 'mod-turn-1.0.0',
      provides: [
        { id: 'saml', version: '1.0', handlers: [{ ...GET, pathPattern: '/saml/*', ...redirect }] },
      ],
    },
  ]
  t.is(word(ask(policyOf({}, turn({})), saml)), 'default')
  const redirected = policyOf({}, turn({ type: 'redirect', redirectPath: '/x' }))
  t.is(word(ask(redirected, saml)), 'route-not-declared')
})

test('at the module’s own ingress a redirect opens nothing', (t) => {
  const okapi = { caller: 'okapi-7.2.0', at: 'mod-turn-1.0.0' }
  const policy = policyOf({}, HANDLER)
  t.is(word(ask(policy, { ...okapi, path: '/old/7' })), 'route-not-declared')
  t.is(word(ask(policy, { ...okapi, path: '/turn' })), 'own')
  t.is(word(ask(policyOf({}, FILTER), { ...okapi, path: '/real/7' })), 'route-not-declared')
  t.is(word(ask(policy, { ...okapi, caller: 'plain', path: '/old/7' })), 'route-not-declared')
  const grant = { caller: 'mod-caller', at: 'mod-turn', interface: 'turn', why: 'test' }
  const granted = policyOf({ grants: [grant] }, HANDLER)
  const direct = { caller: 'mod-caller-1.0.0', at: 'mod-turn-1.0.0' }
  t.is(word(ask(granted, { ...direct, path: '/turn' })), 'grant')
  t.is(word(ask(granted, { ...direct, path: '/old/7' })), 'route-not-declared')
  const system = {
    id: 'mod-turn-1.0.0',
    provides: [
      {
        id: '_tenant',
        version: '2.0',
        interfaceType: 'system',
        handlers: [
          { ...REDIRECT, pathPattern: '/_/tenant', redirectPath: '/x', methods: ['POST'] },
        ],
      },
    ],
  }
  const init = { ...okapi, method: 'POST', path: '/_/tenant' }
  t.is(word(ask(policyOf({}, installedWith(system)), init)), 'route-not-declared')
})

test('matrix and diff: a redirect closes what it takes, and opens nothing', (t) => {
  const grants = grantsInForce({})
  const reach = (values: readonly object[]) =>
    reachOf({ policy: policyOf({}, values), set: installed(values), grants })
  const before = reach(installedWith(turning([{ ...GET, pathPattern: '/turn' }])))
  const after = reach(FILTER)
  t.false(after.some(({ provider }) => provider === 'mod-turn-1.0.0'))
  const { opens, closes } = differenceOf(before, after)
  t.deepEqual(opens, [])
  const closed = closes.map(({ caller, pathPattern }) => `${caller} ${pathPattern}`)
  t.deepEqual(closed.sort(), [
    'mod-caller-1.0.0 /real/{id}',
    'mod-caller-1.0.0 /turn',
    'mod-real-1.0.0 /real/{id}',
    'mod-turn-1.0.0 /turn',
    'okapi /turn',
    'public /real/{id}',
    'public /turn',
  ])
  const handler = reach(HANDLER)
  t.false(handler.some(({ pathPattern }) => pathPattern.startsWith('/old')))
  const left = handler.filter(({ caller }) => caller === CALLER.id)
  t.deepEqual(left.map(({ pathPattern }) => pathPattern).sort(), ['/many', '/real/{id}', '/turn'])
})

test('suggest proposes no grant for a redirect', (t) => {
  const usage = {
    caller: 'mod-real-1.0.0',
    method: 'GET',
    route: '/old/{id}',
    provider: 'mod-turn-1.0.0',
    count: 1,
    firstMs: 0,
    lastMs: 0,
  }
  const { missing, lost } = missingInLog(installed(HANDLER), [usage])
  t.deepEqual(missing, [])
  t.deepEqual(lost, [usage])
  const permission = 'old.item.get'
  const turn = turning([
    { ...REDIRECT, pathPattern: '/old', redirectPath: '/x', permissionsRequired: [permission] },
  ])
  const holder = {
    id: 'mod-holder-1.0.0',
    provides: [
      {
        id: 'h',
        version: '1.0',
        handlers: [{ ...GET, pathPattern: '/h', modulePermissions: [permission] }],
      },
    ],
  }
  t.deepEqual(missingByHint(installed([holder, turn])), [])
})

test('a packed set has its redirects, and the same hash', (t) => {
  const set = installed(HANDLER)
  const packed = packDescriptors(set)
  const again = installed(packed.modules.map(({ descriptor }) => descriptor))
  t.is(again.hash, set.hash)
  const [first] = again.modules.get('mod-turn-1.0.0')!.descriptor.provides[0]!.handlers
  t.is(first!.redirectPath, '/real/1')
})
