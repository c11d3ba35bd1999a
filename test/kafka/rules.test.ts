import test from 'ava'
import type { Problem } from '../../src/fault.ts'
import { type NamePattern, parseNamePattern } from '../../src/kafka/name-pattern.ts'
import { KafkaRules, readKafkaRules } from '../../src/kafka/rules.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'

const NAMES = { env: 'folio', tenants: [] }

function pattern(text: string, names = {}): NamePattern {
  const parsed = parseNamePattern(text, { ...NAMES, ...names })
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

function rulesOf(list: readonly object[], more: { now?: () => number; module?: string } = {}) {
  const problems: Problem[] = []
  const written = list.map((rule) => ({ caller: 'mod-users', why: 'test', ...rule }))
  const read = readKafkaRules(ruleSources(written, 'rules.yaml', ''), NAMES, problems)
  const { module = 'mod-users-19.7.0', now = () => 0 } = more
  const rules = new KafkaRules(read, { module, mode: 'enforce', now })
  return { rules, wrong: problems.map(({ message }) => message), problems }
}

for (const [text, allowed, refused] of [
  ['folio.diku.users', ['folio.diku.users'], ['folio.diku.users.', 'folioxdiku.users', 'x']],
  [
    '{env}.{tenant}.users.*',
    ['folio.diku.users.users', 'folio.a1.users.', 'folio.diku.users.a.b'],
    [
      'folio.diku.usersx',
      'folio.Diku.users.a',
      'folio.di-ku.users.a',
      'folio.di.ku.users.a',
      'folio..users.a',
      `folio.${'a'.repeat(32)}.users.a`,
      'xfolio.diku.users.a',
      'other.diku.users.a',
    ],
  ],
  ['*', ['a', 'folio.x'], []],
  ['a*b*c', ['abc', 'axbyc', 'abbcc'], ['ab', 'abcd', 'xabc']],
  ['a+b', ['a+b'], ['aab']],
] as const) {
  test(`a pattern means whole names: ${text}`, (t) => {
    const { matches } = pattern(text)
    for (const name of allowed) t.true(matches(name), name)
    for (const name of refused) t.false(matches(name), name)
  })
}

test('{tenant} stands for listed tenants where there is a list, and for the collection', (t) => {
  const listed = pattern('{env}.{tenant}.x', { tenants: ['diku', 'old_one'] })
  t.true(listed.matches('folio.diku.x') && listed.matches('folio.old_one.x'))
  t.false(listed.matches('folio.other.x') || listed.matches('folio.ALL.x'))
  const collected = pattern('{env}.{tenant}.x', { tenants: ['diku'], tenantCollection: 'ALL' })
  t.true(collected.matches('folio.ALL.x') && collected.matches('folio.diku.x'))
  t.false(collected.matches('folio.ALLx.x'))
})

test('parts of a pattern, for those who write other rules of them', (t) => {
  t.deepEqual(pattern('{env}.Default.{tenant}.DI_*').parts, [
    { kind: 'text', text: 'folio.Default.' },
    { kind: 'tenant' },
    { kind: 'text', text: '.DI_' },
    { kind: 'any' },
  ])
})

for (const [text, expected] of [
  ['', /empty/],
  ['{module}.x', /may only have the placeholders/],
  ['{tenant}.{tenant}', /once/],
  ['a**b', /next to each other/],
  ['a*b*c*', /more than two/],
] as const) {
  test(`no pattern: ${JSON.stringify(text)}`, (t) => {
    t.regex(String(parseNamePattern(text, NAMES)), expected)
  })
}

test('each right is given by itself, and a topic with any right may be described', (t) => {
  const topics = { produce: ['p'], consume: ['c'], create: ['n'] }
  const { rules } = rulesOf([
    { topics, groups: ['g-*'], transactions: ['t'], admin: ['DeleteTopics'] },
  ])
  t.deepEqual(
    ['p', 'c', 'n', 'other'].map((topic) => [
      rules.mayProduce(topic),
      rules.mayConsume(topic),
      rules.mayCreate(topic),
      rules.maySee(topic),
    ]),
    [
      [true, false, false, true],
      [false, true, false, true],
      [false, false, true, true],
      [false, false, false, false],
    ],
  )
  t.true(rules.mayGroup('g-1') && !rules.mayGroup('x-g-1') && !rules.mayGroup('t'))
  t.true(rules.mayTransact('t') && !rules.mayTransact('g-1'))
  t.true(rules.mayAdmin('DeleteTopics') && !rules.mayAdmin('CreateAcls'))
})

test('a star at the beginning means no topic of Kafka itself: __consumer_offsets has the positions of all groups', (t) => {
  const own = ['__consumer_offsets', '__transaction_state', '__x']
  const wide = rulesOf([
    { topics: { produce: ['*', '*offsets', '_*'], consume: ['{tenant}*', '*'] } },
  ])
  t.deepEqual(
    own.filter((topic) => wide.rules.maySee(topic)),
    [],
  )
  t.true(wide.rules.mayProduce('_x') && wide.rules.mayConsume('x__y'))
  const named = rulesOf([{ topics: { consume: ['__consumer_*'] } }])
  t.true(named.rules.mayConsume('__consumer_offsets'))
})

test('without rules nothing is allowed', (t) => {
  const { rules } = rulesOf([])
  t.false(rules.maySee('a') || rules.mayGroup('a') || rules.mayTransact('a'))
  t.false(rules.mayAdmin('DescribeAcls'))
})

test('rules of other modules do not count; a product and a module id do', (t) => {
  const produce = (topic: string) => ({ topics: { produce: [topic] } })
  const list = [
    { ...produce('product'), caller: 'mod-users' },
    { ...produce('id'), caller: 'mod-users-19.7.0' },
    { ...produce('other-id'), caller: 'mod-users-19.6.0' },
    { ...produce('other'), caller: 'mod-users-bl' },
  ]
  const { rules } = rulesOf(list)
  t.deepEqual(
    ['product', 'id', 'other-id', 'other'].map((topic) => rules.mayProduce(topic)),
    [true, true, false, false],
  )
})

test('a rule is void after its last day, also where a topic was looked up before', (t) => {
  let now = Date.parse('2027-01-31T23:59:59Z')
  const list = [{ topics: { produce: ['a'] }, groups: ['g'], until: '2027-01-31' }]
  const { rules } = rulesOf(list, { now: () => now })
  t.true(rules.mayProduce('a') && rules.mayGroup('g'))
  now = Date.parse('2027-02-01T00:00:00Z')
  t.false(rules.mayProduce('a') || rules.mayGroup('g'))
})

test('a name that is no topic is never allowed, whatever the pattern', (t) => {
  const { rules } = rulesOf([{ topics: { produce: ['*'] } }])
  for (const name of ['', 'a b', 'a\n', 'ä', 'a/b', 'a'.repeat(250)]) {
    t.false(rules.mayProduce(name), JSON.stringify(name))
  }
  t.true(rules.mayProduce('a'.repeat(249)))
})

test('many names do not fill the memory, and the answer stays right', (t) => {
  const { rules } = rulesOf([{ topics: { produce: ['a.*'] } }])
  for (let i = 0; i < 10_000; i++) t.true(rules.mayProduce(`a.${i}`) && !rules.mayProduce(`b.${i}`))
})

test('tenants of a rule narrow it', (t) => {
  const { rules } = rulesOf([{ topics: { produce: ['{env}.{tenant}.x'] }, tenants: ['diku'] }])
  t.true(rules.mayProduce('folio.diku.x'))
  t.false(rules.mayProduce('folio.other.x'))
})

for (const [name, rule, expected, pointer] of [
  ['an unknown field', { topic: {} }, /no field topic/, '/0/topic'],
  ['an unknown right', { topics: { write: ['a'] } }, /no field write/, '/0/topics/write'],
  ['nothing allowed', {}, /allows nothing/, '/0'],
  ['an unknown API', { admin: ['Fetch'] }, /Fetch is none of/, '/0/admin'],
  ['a bad pattern', { groups: ['{x}'] }, /\{x\} may only have the placeholders/, '/0/groups'],
  ['no topic', { topics: { consume: ['a b'] } }, /a topic has letters/, '/0/topics/consume'],
  ['a caller that is a pattern', { caller: 'mod-*', groups: ['a'] }, /module id/, '/0/caller'],
  ['no reason', { groups: ['a'], why: ' ' }, /why must be a text/, '/0/why'],
] as const) {
  test(`a rule that cannot be read is an error and allows nothing: ${name}`, (t) => {
    const { rules, problems } = rulesOf([rule])
    t.is(problems.length, 1)
    t.regex(problems[0]!.message, expected)
    t.is(problems[0]!.where?.pointer, pointer)
    t.is(rules.rules.length, 0)
  })
}

test('a group or an id that is longer than a topic may be is never allowed, nor looked through', (t) => {
  const { rules } = rulesOf([{ groups: ['*a*b'], transactions: ['*a*b'] }])
  const name = (length: number) => `${'a'.repeat(length - 1)}b`
  t.true(rules.mayGroup(name(249)) && rules.mayTransact(name(249)))
  t.false(rules.mayGroup(name(250)) || rules.mayTransact(name(250)))
})
