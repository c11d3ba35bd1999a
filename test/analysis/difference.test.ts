import test from 'ava'
import { differenceOf } from '../../src/analysis/difference.ts'
import { grantsInForce } from '../../src/analysis/installation.ts'
import { type Opening, routeText } from '../../src/analysis/opening.ts'
import { reachOf } from '../../src/analysis/reach.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import { FIXTURE_VALUES, installed, policyOf } from '../policy/tools.ts'

const USERS = 'mod-users-19.7.0'

function reach(grants: readonly object[], values: readonly unknown[] = FIXTURE_VALUES) {
  const all = grantsInForce({ grants: ruleSources(grants, 'test.yaml', '') })
  return reachOf({ policy: policyOf({ grants }, values), set: installed(values), grants: all })
}

interface Plain {
  id: string
  provides: {
    id: string
    version: string
    handlers: { methods: string[]; pathPattern: string }[]
  }[]
}

/** The fixtures with mod-users changed. */
function changed(change: (users: Plain) => void): unknown[] {
  return FIXTURE_VALUES.map((value) => {
    const copy = structuredClone(value) as Plain
    if (copy.id === USERS) change(copy)
    return copy
  })
}

const words = (openings: readonly Opening[]) =>
  openings.map((opening) => `${opening.caller}: ${routeText(opening)}`)

test('nothing changed: nothing opens, nothing closes', (t) => {
  t.deepEqual(differenceOf(reach([]), reach([])), { opens: [], closes: [] })
})

test('a new version with other names for parameters changes nothing', (t) => {
  const next = changed((users) => {
    users.id = 'mod-users-20.0.0'
    for (const handler of users.provides[0]!.handlers) {
      handler.pathPattern = handler.pathPattern.replace('{id}', '{userId}')
    }
  })
  t.deepEqual(differenceOf(reach([]), reach([], next)), { opens: [], closes: [] })
})

test('a route more opens to the callers that may use its interface, and to no others', (t) => {
  const next = changed((users) => {
    users.id = 'mod-users-19.8.0'
    users.provides[0]!.handlers.push({ methods: ['POST'], pathPattern: '/users/expire' })
  })
  const { opens, closes } = differenceOf(reach([]), reach([], next))
  t.deepEqual(closes, [])
  t.true(opens.every((opening) => routeText(opening) === 'POST /users/expire'))
  const callers = new Set(opens.map(({ caller }) => caller))
  for (const caller of ['okapi', 'public', 'mod-notes-8.1.0', 'mod-users-19.8.0']) {
    t.true(callers.has(caller), caller)
  }
  t.false(callers.has('mod-tags-3.1.0'))
  const back = differenceOf(reach([], next), reach([]))
  t.deepEqual([back.opens.length, back.closes.length], [0, opens.length])
})

test('a version that no longer fits closes the interface', (t) => {
  const next = changed((users) => {
    users.provides[0]!.version = '99.0'
  })
  const { opens, closes } = differenceOf(reach([]), reach([], next))
  t.deepEqual(opens, [])
  t.true(words(closes).includes('mod-notes-8.1.0: GET /users/{id}'))
  t.false(closes.some(({ caller }) => caller === 'public' || caller === 'okapi'))
})

test('grants: method by method, a part of a route is less than the route', (t) => {
  const grant = (opens: object) =>
    reach([{ caller: 'mod-tags', at: 'okapi', why: 'test', ...opens }])
  const part = grant({ methods: ['GET'], path: '/users/admin' })
  const some = grant({ methods: ['GET'], path: '/users/{id}' })
  const more = grant({ methods: ['GET', 'PUT'], path: '/users/{id}' })
  t.deepEqual(words(differenceOf(some, more).opens), ['mod-tags-3.1.0: PUT /users/{id}'])
  t.deepEqual(words(differenceOf(part, some).opens), ['mod-tags-3.1.0: GET /users/{id}'])
  t.deepEqual(differenceOf(part, some).closes, [], 'the part is still open')
  t.deepEqual(words(differenceOf(some, part).opens), [])
  t.deepEqual(words(differenceOf(some, part).closes), ['mod-tags-3.1.0: GET /users/{id}'])
})

test('people are told apart whole, even where a name looks like a version', (t) => {
  const by = (name: string) =>
    reach([{ caller: `operator/${name}`, at: 'okapi', admin: ['read'], why: 'test' }])
  t.true(differenceOf(by('anna-1'), by('anna-2')).opens.length > 10)
})
