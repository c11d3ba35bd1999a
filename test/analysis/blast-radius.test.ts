import test from 'ava'
import { blastRadius } from '../../src/analysis/blast-radius.ts'
import { grantsInForce } from '../../src/analysis/installation.ts'
import { reachOf } from '../../src/analysis/reach.ts'
import { FIXTURE_VALUES, installed, policyOf } from '../policy/tools.ts'

const provides = (id: string, method: string, pathPattern: string) => [
  { id, version: '1.0', handlers: [{ methods: [method], pathPattern }] },
]
const requires = (...ids: string[]) => ids.map((id) => ({ id, version: '1.0' }))
const VALUES = [
  { id: 'mod-a-1.0.0', provides: [], requires: requires('pubsub', 'b') },
  { id: 'mod-b-1.0.0', provides: provides('b', 'GET', '/b'), requires: requires('c') },
  { id: 'mod-c-1.0.0', provides: provides('c', 'GET', '/c'), requires: requires('e') },
  {
    id: 'mod-pubsub-1.0.0',
    provides: provides('pubsub', 'POST', '/pubsub/publish'),
    requires: requires('d'),
  },
  { id: 'mod-d-1.0.0', provides: provides('d', 'GET', '/d'), requires: requires('e') },
  { id: 'mod-e-1.0.0', provides: provides('e', 'GET', '/e') },
  { id: 'mod-f-1.0.0', provides: provides('f', 'GET', '/f'), requires: requires('b') },
]

function radius(module: string, values: readonly unknown[] = VALUES) {
  const set = installed(values)
  const openings = reachOf({ policy: policyOf({}, values), set, grants: grantsInForce({}) })
  return blastRadius(openings, module, set)
}

test('directly, through forwarders, through others: each by a shortest path', (t) => {
  const { direct, forwarded, indirect, beyond, callers } = radius('mod-a-1.0.0')
  const paths = (list: typeof direct) => list.map(({ path }) => path.slice(1).join(' '))
  t.deepEqual(paths(direct), ['mod-b-1.0.0', 'mod-pubsub-1.0.0'])
  t.deepEqual(paths(forwarded), ['mod-pubsub-1.0.0 mod-d-1.0.0'])
  t.deepEqual(paths(indirect), [
    'mod-b-1.0.0 mod-c-1.0.0',
    'mod-pubsub-1.0.0 mod-d-1.0.0 mod-e-1.0.0',
  ])
  t.deepEqual(beyond, ['mod-f-1.0.0'])
  t.deepEqual(callers, [])
  t.regex(direct[1]!.forwards ?? '', /^subscribers/)
  t.is(direct[0]!.forwards, null)
})

test('a forwarder that is only read forwards nothing', (t) => {
  const reading = VALUES.map((value) =>
    value.id === 'mod-pubsub-1.0.0'
      ? { ...value, provides: provides('pubsub', 'GET', '/pubsub/event-types') }
      : value,
  )
  const { forwarded, direct } = radius('mod-a-1.0.0', reading)
  t.deepEqual(forwarded, [])
  t.true(direct.every(({ forwards }) => forwards === null))
})

test('what Okapi may do in the name of others depends on policy.caller', (t) => {
  const set = installed(FIXTURE_VALUES)
  const openings = reachOf({ policy: policyOf(), set, grants: grantsInForce({}) })
  for (const mode of ['off', 'report', 'enforce'] as const) {
    const { notes } = blastRadius(openings, 'okapi-7.2.0', set, mode)
    const any = notes.filter((note) => note.includes('in the name of any caller'))
    const open = notes.filter((note) => note.includes('only while a caller has the same call open'))
    t.deepEqual([any.length, open.length], mode === 'enforce' ? [0, 1] : [1, 0], mode)
    const users = blastRadius(openings, 'mod-users-19.7.0', set, mode)
    t.false(users.notes.some((note) => note.includes('policy.caller')))
  }
})

test('Okapi reaches everything; modules that give tokens or filter requests are marked', (t) => {
  const okapi = radius('okapi-7.2.0', FIXTURE_VALUES)
  t.deepEqual(okapi.beyond, [])
  const authtoken = radius('mod-authtoken-2.18.0', FIXTURE_VALUES)
  t.true(authtoken.notes.some((note) => note.includes('auth filter')))
  t.true(authtoken.notes.some((note) => note.includes('any user')))
  const users = radius('mod-users-19.7.0', FIXTURE_VALUES)
  t.true(users.callers.includes('mod-notes-8.1.0'))
  t.true(users.callers.includes('okapi'))
  t.is(users.notes.length, 1)
})
