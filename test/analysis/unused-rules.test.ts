import test from 'ava'
import { grantsInForce } from '../../src/analysis/installation.ts'
import { reachOf } from '../../src/analysis/reach.ts'
import { unusedRulesOf } from '../../src/analysis/unused-rules.ts'
import type { Usage } from '../../src/analysis/usage.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import { installed, policyOf } from '../policy/tools.ts'

const GRANTS = [
  { caller: 'mod-tags', at: 'okapi', interface: 'users', why: 'wide' },
  { caller: 'mod-tags', at: 'okapi', interface: 'user-tenants', why: 'used whole' },
  { caller: 'operator/o', at: 'okapi', admin: ['timers'], why: 'never' },
]

function used(caller: string, method: string, route: string): Usage {
  return { caller, method, route, provider: '', count: 1, firstMs: 0, lastMs: 0 }
}

function unused(...usages: readonly Usage[]) {
  const grants = grantsInForce({ grants: ruleSources(GRANTS, 'test.yaml', '/grants') })
  const openings = reachOf({ policy: policyOf({ grants: GRANTS }), set: installed(), grants })
  return unusedRulesOf(openings, grants, usages)
}

test('a grant: what was used, what not; one that is used whole is not mentioned', (t) => {
  const found = unused(
    used('mod-tags-3.0.0', 'GET', '/users/{id}'),
    used('mod-tags-3.1.0', 'PUT', '/users/{id}'),
    used('mod-tags-3.1.0', 'GET', '/user-tenants'),
  )
  const [timers, users, ...more] = found
  t.deepEqual(users!.used, [{ methods: ['GET', 'PUT'], pathPattern: '/users/{id}' }])
  t.true(users!.unused.some(({ pathPattern }) => pathPattern === '/groups'))
  t.is(users!.grant?.why, 'wide')
  t.deepEqual(timers!.used, [])
  t.deepEqual(more, [], 'mod-tags requires nothing; others have written no log')
})

test('declared interfaces of who wrote a log', (t) => {
  const found = unused(used('mod-notes-8.1.0', 'GET', '/users'))
  const notes = found.find(({ callers }) => callers.includes('mod-notes-8.1.0'))
  t.is(notes?.rule.kind, 'requires')
  t.is(notes?.grant, undefined)
  t.deepEqual(notes?.used, [{ methods: ['GET'], pathPattern: '/users' }])
  t.false(
    notes?.unused.some(({ pathPattern }) => pathPattern === '/notes'),
    'its own is its own',
  )
  t.false(found.some(({ callers }) => callers.includes('mod-inventory-22.1.0')))
})
