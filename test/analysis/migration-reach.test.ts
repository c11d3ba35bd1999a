import test from 'ava'
import fc from 'fast-check'
import { blastRadius } from '../../src/analysis/blast-radius.ts'
import { callersOf, grantsInForce } from '../../src/analysis/installation.ts'
import { reachOf } from '../../src/analysis/reach.ts'
import { IDS, question, referenceModel } from '../policy/models.ts'
import { ask, installed, policyOf, type Rules } from '../policy/tools.ts'

const UNTIL = Date.UTC(2027, 2, 31)

function reach(at: string | undefined, rules: Rules = {}, values?: readonly unknown[]) {
  const base = { policy: policyOf(rules, values), set: installed(values), grants: [] }
  return reachOf(at === undefined ? base : { ...base, plain: { at, untilMs: UNTIL } })
}

const plainAt = (at: string, rules: Rules = {}, values?: readonly unknown[]) =>
  reach(at, rules, values).filter(({ caller }) => caller === 'plain')

test('at Okapi: ordinary routes, each with the end of the listener', (t) => {
  const found = plainAt('okapi')
  t.true(found.some(({ pathPattern }) => pathPattern === '/users/{id}'))
  t.true(found.some(({ kind }) => kind === 'multiple'))
  for (const { at, why, rule } of found) {
    t.deepEqual(
      [at, why, rule.kind],
      ['okapi', 'the migration listener, until 2027-03-31 00:00 UTC', 'default'],
    )
  }
})

test('at a module: its own ordinary routes, and no others', (t) => {
  const found = plainAt('mod-users-19.7.0')
  t.true(found.some(({ pathPattern }) => pathPattern === '/users/{id}'))
  for (const { at, provider, kind, rule } of found) {
    t.deepEqual(
      [at, provider, kind, rule.kind],
      ['mod-users-19.7.0', 'mod-users-19.7.0', 'handler', 'own'],
    )
  }
})

test('never: administration, system routes, an auth filter’s module, what is highly sensitive', (t) => {
  const grants = [
    { caller: 'public', at: 'okapi', methods: ['*'], path: '/*', why: 'test' },
    { caller: 'operator/o', at: 'okapi', admin: ['read'], why: 'test' },
  ]
  const found = plainAt('okapi', { grants, mode: 'report', sensitivity: { users: 'high' } })
  t.true(found.length > 0)
  t.deepEqual(
    found.filter(
      ({ pathPattern, provider, kind, interface: provided }) =>
        pathPattern.startsWith('/_/') ||
        provider.startsWith('mod-authtoken') ||
        ['system', 'filter', 'admin', 'tenant'].includes(kind) ||
        provided?.id === 'users',
    ),
    [],
  )
  t.deepEqual(plainAt('mod-authtoken-2.18.0'), [])
  t.deepEqual(plainAt('mod-nobody-1.0.0'), [])
  const quarantine = [{ module: 'mod-users', why: 'a test' }]
  t.deepEqual(plainAt('mod-users-19.7.0', { quarantine }), [])
})

test('without the listener no caller is called plain', (t) => {
  t.false(reach(undefined).some(({ caller }) => caller === 'plain'))
  const set = installed()
  t.false(callersOf({ set, grants: [] }).some(({ kind }) => kind === 'plain'))
  const asked = reachOf({ policy: policyOf(), set, grants: [] }, [{ kind: 'plain' }])
  t.deepEqual(asked, [])
})

test('an attacker who holds a module can use the migration listener too', (t) => {
  const set = installed()
  const notes = (at?: string) => {
    const base = { policy: policyOf(), set, grants: grantsInForce({}) }
    const openings = reachOf(at === undefined ? base : { ...base, plain: { at, untilMs: UNTIL } })
    return blastRadius(openings, 'mod-notes-8.1.0', set)
  }
  const { notes: told, callers, direct } = notes('okapi')
  t.true(
    told.some((note) =>
      /^at okapi, from an address that `migration` lists, it needs no proof: \d+ routes of \d+ modules \(the migration listener, until 2027-03-31 00:00 UTC\)$/.test(
        note,
      ),
    ),
    told.join('\n'),
  )
  t.true(callers.includes('plain'))
  t.deepEqual(direct, notes().direct, 'its own identity opens no more for that')
  t.false(notes().notes.some((note) => note.includes('migration')))
})

test('any set: what is listed for plain passes, and what passes is listed', (t) => {
  let [passed, listed] = [0, 0]
  fc.assert(
    fc.property(
      referenceModel,
      fc.constantFrom('okapi', ...IDS),
      fc.array(question, { minLength: 20, maxLength: 40 }),
      (w, at, asked) => {
        const policy = policyOf({ grants: w.grants, mode: w.mode }, w.modules)
        const plain = { at, untilMs: UNTIL }
        const place = { policy, set: installed(w.modules), grants: [], plain }
        const openings = reachOf(place, [{ kind: 'plain' }])
        listed += openings.length
        for (const one of asked) {
          const decision = ask(policy, { ...one, caller: 'plain', at, tenant: 'diku' })
          const { provider, route } = decision
          if (!decision.allow || ['OPTIONS', 'UNHEARD-OF'].includes(one.method)) continue
          passed++
          const found = openings.some(
            (opening) =>
              opening.provider === provider &&
              opening.pathPattern === route?.pathPattern &&
              (opening.methods.includes(one.method) || opening.methods.includes('*')),
          )
          t.true(found, `${at} ${one.method} ${one.path}: ${decision.because}`)
        }
      },
    ),
    { numRuns: 300 },
  )
  t.true(passed > 50 && listed > 200, `${passed} passed, ${listed} listed`)
})
