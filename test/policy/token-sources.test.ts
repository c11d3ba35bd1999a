import test from 'ava'
import { parseCaller } from '../../src/policy/caller.ts'
import { compiled, findings, policyOf, type Rules } from './tools.ts'

const TAGS = 'mod-tags-3.1.0'
const GOOD = { caller: 'mod-tags', at: 'okapi', tokens: ['mod-users'], why: 'Kafka' }

const sources = (caller: string, rules: Rules = {}) =>
  policyOf(rules).bind(parseCaller(caller), 'okapi').tokens

test('without a grant a module sends its own tokens; callers that log in and makers of tokens any', (t) => {
  t.deepEqual(sources(TAGS), [])
  t.deepEqual(sources('mod-login-7.14.0'), [])
  t.deepEqual(sources('mod-unheard-of-1.0.0'), [])
  for (const caller of ['public', 'operator/anna', 'client/sis', 'okapi-7.2.0']) {
    t.is(sources(caller), 'any', caller)
  }
  // It has an auth filter: it signs tokens, and sends ones that were sent to no module.
  t.is(sources('mod-authtoken-2.18.0'), 'any')
})

test('a grant: the tokens of named modules, in every version that is installed, or any', (t) => {
  const granted = (...grants: object[]) => sources(TAGS, { grants })
  t.deepEqual(granted(GOOD), ['mod-users-19.7.0'])
  t.deepEqual(granted({ ...GOOD, tokens: ['mod-users-19.7.0', 'mod-notes'] }), [
    'mod-notes-8.1.0',
    'mod-users-19.7.0',
  ])
  t.deepEqual(granted({ ...GOOD, tokens: ['mod-users-19.7.1'] }), [])
  t.deepEqual(granted(GOOD, { ...GOOD, tokens: ['mod-notes'] }).length, 2)
  t.is(granted({ ...GOOD, tokens: 'any', until: '2999-01-01' }), 'any')
  t.is(granted(GOOD, { ...GOOD, tokens: 'any' }), 'any')
  t.deepEqual(granted({ ...GOOD, caller: 'mod-notes' }), [])
  t.deepEqual(granted({ ...GOOD, caller: 'mod-tags-3.1.1' }), [])
})

test('a grant ends on its day', (t) => {
  let now = Date.parse('2027-01-31T12:00:00Z')
  const rules = { grants: [{ ...GOOD, until: '2027-01-31' }], now: () => now }
  const authorizer = policyOf(rules).bind(parseCaller(TAGS), 'okapi')
  t.deepEqual(authorizer.tokens, ['mod-users-19.7.0'])
  now = Date.parse('2027-02-01T00:00:00Z')
  t.deepEqual(authorizer.tokens, [])
})

test('it opens no interface', (t) => {
  const policy = policyOf({ grants: [{ ...GOOD, tokens: 'any' }] })
  const path = Buffer.from('/inventory/items')
  const decision = policy
    .bind(parseCaller(TAGS), 'okapi')
    .decide('GET', path, 0, path.length, 'diku', undefined)
  t.false(decision.allow)
})

for (const [name, grant, problem] of [
  [
    'another word than any',
    { ...GOOD, tokens: 'all' },
    /^error \/grants\/0\/tokens: tokens is `any`/,
  ],
  ['no module at all', { ...GOOD, tokens: [] }, /^error .*not empty/],
  ['at a module', { ...GOOD, at: 'mod-users' }, /^error .*tokens is opened at okapi/],
  ['for people', { ...GOOD, caller: 'operator/anna' }, /^error .*are not judged: it logs in/],
  ['for browsers', { ...GOOD, caller: 'public' }, /^error .*are not judged: it logs in/],
  ['beside an interface', { ...GOOD, interface: 'users' }, /^error .*a grant opens one of/],
  [
    'a module that is not installed',
    { ...GOOD, tokens: ['mod-x'] },
    /^warning .*mod-x is installed/,
  ],
  ['any without an end', { ...GOOD, tokens: 'any' }, /^warning .*for ever/],
] as const) {
  test(`a grant of tokens: ${name}`, (t) => {
    const found = findings(compiled({ grants: [grant] }).problems)
    t.is(found.length, 1)
    t.regex(found[0]!, problem)
  })
}
