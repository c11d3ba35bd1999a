import test from 'ava'
import fc from 'fast-check'
import { grantsInForce } from '../../src/analysis/installation.ts'
import { missingByHint, missingInLog } from '../../src/analysis/missing-permissions.ts'
import type { Opening } from '../../src/analysis/opening.ts'
import { type Proposal, propose } from '../../src/analysis/proposals.ts'
import { reachOf } from '../../src/analysis/reach.ts'
import { type LoggedExchange, UsageLog } from '../../src/analysis/usage.ts'
import type { PolicySource } from '../../src/policy/compiled-policy.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import { question, referenceModel } from '../policy/models.ts'
import { ask, FIXTURE_VALUES, installed, policyOf, type Rules } from '../policy/tools.ts'

const SEEN: LoggedExchange = {
  timeMs: 1000,
  direction: 'egress',
  caller: 'mod-tags-3.1.0',
  method: 'GET',
  route: '/users/{id}',
  provider: 'mod-users-19.7.0',
  wouldDeny: true,
  unknownToken: false,
  refusedTenant: '',
  crossed: null,
  passed: true,
  at: 'okapi',
}

function sourceOf(
  { grants = [], sensitivity = {} }: Rules,
  values?: readonly unknown[],
): PolicySource {
  return {
    descriptors: installed(values),
    grants: ruleSources(grants, 'test.yaml', ''),
    sensitivity,
    mode: 'report',
  }
}

function suggested(
  exchanges: readonly LoggedExchange[],
  rules: Rules = {},
  values?: readonly unknown[],
) {
  const log = new UsageLog()
  for (const exchange of exchanges) log.add(exchange)
  const source = sourceOf(rules, values)
  const { missing, lost } = missingInLog(source.descriptors, log.wouldBeRefused)
  return { ...propose(source, missing), lost }
}

const grantsOf = (proposals: readonly Proposal[]) =>
  proposals.map(({ caller, opens }) => ({ caller, at: 'okapi', ...opens, why: 'suggested' }))
const short = (proposals: readonly Proposal[]) =>
  proposals.map(({ caller, opens }) =>
    'interface' in opens
      ? `${caller} ${opens.interface}`
      : `${caller} ${opens.methods} ${opens.path}`,
  )

test('a path with its methods, and the interface where all of it is wanted', (t) => {
  const { proposals, unmet } = suggested([
    SEEN,
    { ...SEEN, method: 'PUT' },
    { ...SEEN, route: '/user-tenants' },
  ])
  t.deepEqual(short(proposals), ['mod-tags GET,PUT /users/{id}', 'mod-tags user-tenants'])
  t.deepEqual(unmet, [])
})

test('calls that pass without report mode, and that name nothing installed', (t) => {
  const open = { ...SEEN, caller: 'mod-notes-8.1.0' }
  const gone = { ...SEEN, route: '/gone' }
  const stranger = { ...SEEN, caller: 'mod-gone-1.0.0' }
  const { proposals, lost } = suggested([open, gone, stranger, { ...SEEN, wouldDeny: false }])
  t.deepEqual(proposals, [])
  t.deepEqual(
    lost.map(({ caller, route }) => `${caller} ${route}`),
    ['mod-tags-3.1.0 /gone', 'mod-gone-1.0.0 /users/{id}'],
  )
})

test('a module that was upgraded since is meant by its product', (t) => {
  const { proposals } = suggested([{ ...SEEN, caller: 'mod-tags-3.0.0' }])
  t.deepEqual(short(proposals), ['mod-tags GET /users/{id}'])
})

test('of two versions only the one that called; full ids where sensitivity is high', (t) => {
  const other = { id: 'mod-tags-4.0.0', provides: [] }
  const two = suggested([SEEN], {}, [...FIXTURE_VALUES, other])
  t.deepEqual(short(two.proposals), ['mod-tags-3.1.0 GET /users/{id}'])
  const high = suggested([SEEN], { sensitivity: { users: 'high' } })
  t.deepEqual(short(high.proposals), ['mod-tags-3.1.0 GET /users/{id}'])
  t.deepEqual(high.unmet, [])
})

test('routes that no grant can close are reported', (t) => {
  const provides = (id: string, ...paths: string[]) => ({
    id,
    version: '1.0',
    handlers: paths.map((pathPattern) => ({ methods: ['GET'], pathPattern })),
  })
  const values = [
    { id: 'mod-x-1.0.0', provides: [provides('x', '/a/{id}', '/a/new', '/b')] },
    { id: 'mod-y-1.0.0', provides: [] },
  ]
  const seen = { ...SEEN, caller: 'mod-y-1.0.0', route: '/a/{id}', provider: 'mod-x-1.0.0' }
  const [proposal] = suggested([seen], {}, values).proposals
  t.deepEqual(
    proposal?.also.map(({ pathPattern }) => pathPattern),
    ['/a/new'],
  )
})

test('a route in an interface of both kinds, where another one hides the ordinary route', (t) => {
  const handlers = (pathPattern: string, more = {}) => [{ methods: ['GET'], pathPattern, ...more }]
  const elsewhere = { type: 'redirect', redirectPath: '/a' }
  const provided = { id: 'x', version: '1.0', handlers: handlers('/b/{y}') }
  const values = [
    { id: 'mod-a-1.0.0', provides: [] },
    { id: 'mod-b-1.0.0', provides: [{ ...provided, handlers: handlers('/*', elsewhere) }] },
    {
      id: 'mod-c-1.0.0',
      provides: [
        { ...provided, handlers: [...provided.handlers, ...handlers('/b/*', elsewhere)] },
        { ...provided, interfaceType: 'multiple' },
      ],
    },
  ]
  const asked = { caller: 'mod-a-1.0.0', at: 'okapi', method: 'GET', path: '/b/1', tenant: 'diku' }
  const named = { ...asked, moduleId: 'mod-c-1.0.0' }
  const before = ask(policyOf({ mode: 'report' }, values), named)
  t.true(before.allow && before.wouldRefuse !== undefined)
  t.false(ask(policyOf({ mode: 'report' }, values), asked).allow)
  const seen = { ...SEEN, caller: 'mod-a-1.0.0', route: '/b/{y}', provider: 'mod-c-1.0.0' }
  const { proposals, unmet, lost } = suggested([seen], {}, values)
  t.deepEqual([unmet, lost], [[], []])
  t.true(ask(policyOf({ grants: grantsOf(proposals) }, values), named).allow)
})

test('both ends of a call are counted once', (t) => {
  const log = new UsageLog()
  for (const [timeMs, direction] of [
    [5, 'egress'],
    [6, 'ingress'],
    [2, 'egress'],
  ] as const) {
    log.add({ ...SEEN, timeMs, direction })
  }
  t.like(log.wouldBeRefused[0], { count: 2, firstMs: 2, lastMs: 6 })
  t.is(log.passed.length, 1)
})

test('modulePermissions: the routes that ask for them, of interfaces that are not declared', (t) => {
  const values = [
    {
      id: 'mod-x-1.0.0',
      provides: [
        {
          id: 'x',
          version: '1.0',
          handlers: [
            { methods: ['GET'], pathPattern: '/a', permissionsRequired: ['a.get'] },
            { methods: ['GET', 'PUT'], pathPattern: '/a/{id}', permissionsRequired: ['a.item'] },
          ],
        },
      ],
    },
    {
      id: 'mod-y-1.0.0',
      requires: [],
      provides: [
        {
          id: 'y',
          version: '1.0',
          handlers: [{ methods: ['GET'], pathPattern: '/y', modulePermissions: ['a.item', 'z'] }],
        },
      ],
    },
  ]
  const hinted = (list: readonly unknown[]) => {
    const source = sourceOf({}, list)
    return propose(source, missingByHint(source.descriptors)).proposals
  }
  const [proposal, ...more] = hinted(values)
  t.deepEqual(more, [])
  t.deepEqual(short([proposal!]), ['mod-y GET,PUT /a/{id}'])
  t.deepEqual(proposal!.missing[0]!.permissions, ['a.item'])
  const declared = { ...values[1]!, requires: [{ id: 'x', version: '1.0' }] }
  t.deepEqual(hinted([values[0]!, declared]), [])
})

test('any log: its would-be refusals pass, and nothing else but what is told', (t) => {
  let [recorded, exact, told] = [0, 0, 0]
  fc.assert(
    fc.property(
      referenceModel,
      fc.array(question, { minLength: 20, maxLength: 60 }),
      (w, questions) => {
        const before = policyOf({ grants: w.grants, mode: 'report' }, w.modules)
        const strict = policyOf({ grants: w.grants }, w.modules)
        const asked = questions
          // The wire lets no unknown method come this far.
          .filter(({ at, method }) => at === 'okapi' && method !== 'UNHEARD-OF')
          .map((one) => ({ ...one, tenant: 'diku' }))
        // The first half is what the log has seen.
        const half = asked.slice(0, Math.ceil(asked.length / 2))
        const seen = half.flatMap((one): LoggedExchange[] => {
          const decision = ask(before, one)
          if (!decision.allow || decision.wouldRefuse === undefined) return []
          const { caller, routePattern: route, provider } = decision
          return [{ ...SEEN, caller, method: one.method, route, provider: provider ?? '' }]
        })
        recorded += seen.length
        const { proposals, unmet, lost } = suggested(seen, { grants: w.grants }, w.modules)
        t.deepEqual([unmet, lost], [[], []])
        const after = policyOf({ grants: [...w.grants, ...grantsOf(proposals)] }, w.modules)
        // A route is listed when some request for it passes: by routes the grants are exact.
        const openings = reachOf({
          policy: strict,
          set: installed(w.modules),
          grants: grantsInForce({ grants: ruleSources(w.grants, 'test.yaml', '') }),
        })
        const also = proposals.flatMap((proposal) => proposal.also)
        for (const one of asked) {
          const now = ask(after, one)
          if (ask(strict, one).allow) {
            t.true(now.allow, now.because)
            continue
          }
          const { allow, routePattern: route, provider } = ask(before, one)
          // A module may have a pattern twice, once in a system interface: that is never in report mode.
          const wasSeen = seen.some(
            (call) =>
              allow &&
              call.caller === one.caller &&
              call.method === one.method &&
              call.route === route &&
              call.provider === provider,
          )
          if (wasSeen) t.true(now.allow, now.because)
          else if (now.allow && !isTold(openings, one.caller, one.method, now.routePattern)) {
            told++
            const words = `${one.caller} ${one.method} ${one.path}: ${now.because}`
            t.true(isTold(also, one.caller, one.method, now.routePattern), words)
          } else exact++
        }
      },
    ),
    { numRuns: 300 },
  )
  t.true(recorded > 20 && exact > 1000, `${recorded} recorded, ${exact} shut, ${told} told`)
})

function isTold(
  also: readonly Opening[],
  caller: string,
  method: string,
  pathPattern: string,
): boolean {
  return also.some(
    (one) =>
      one.caller === caller &&
      one.pathPattern === pathPattern &&
      (one.methods.includes(method) || one.methods.includes('*')),
  )
}
