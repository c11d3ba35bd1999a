import test from 'ava'
import type { Problem } from '../../src/fault.ts'
import { type Caller, parseCaller } from '../../src/policy/caller.ts'
import {
  checkConsortia,
  mayCross,
  proposedCrossing,
  readConsortia,
} from '../../src/policy/consortia.ts'

const CENTRAL = { name: 'East', central: 'east', members: ['college', 'university'] }
const WEST = { central: 'west', members: ['academy'] }
const RULE = { caller: 'mod-consortia', directions: ['central-to-member'], why: 'it shares' }

function read(value: unknown) {
  const problems: Problem[] = []
  const consortia = readConsortia({ value, file: 'consortia.yaml', pointer: '' }, problems)
  return { consortia, problems }
}

function found(value: unknown): string[] {
  return read(value).problems.map(({ message, where }) => `${where?.pointer}: ${message}`)
}

/** How a caller fares between two tenants. */
function crosses(value: unknown, name: string, from: string, to: string): boolean | undefined {
  const { consortia, problems } = read(value)
  if (problems.length > 0) throw new Error(problems[0]!.message)
  const way = consortia.relationBetween(from, to)
  return way === undefined ? undefined : mayCross(consortia, parseCaller(name), way)
}

test('without a file nothing crosses', (t) => {
  const consortia = readConsortia(undefined, [])
  t.is(consortia.relationBetween('a', 'b'), undefined)
  t.deepEqual(read({}).problems, [])
  t.is(read({}).consortia.relationBetween('a', 'b'), undefined)
  t.is(crosses({ consortia: [CENTRAL] }, 'mod-consortia-1.0.0', 'east', 'college'), false)
})

test('a way is between two tenants of one consortium', (t) => {
  const { relationBetween } = read({ consortia: [CENTRAL, WEST] }).consortia
  const way = (from: string, to: string) => relationBetween(from, to)?.crossing
  t.is(way('east', 'college'), 'central-to-member')
  t.is(way('college', 'east'), 'member-to-central')
  t.is(way('college', 'university'), 'member-to-member')
  t.is(relationBetween('west', 'academy')?.central, 'west')
  for (const [from, to] of [
    ['college', 'college'],
    ['east', 'east'],
    ['east', 'west'],
    ['college', 'academy'],
    ['college', 'stranger'],
    ['stranger', 'college'],
    ['stranger', 'stranger'],
    ['supertenant', 'east'],
    ['East', 'college'],
    ['', ''],
  ] as const) {
    t.is(relationBetween(from, to), undefined, `${from} ${to}`)
  }
})

test('a rule is for its caller, its directions and its consortia', (t) => {
  const both = ['central-to-member', 'member-to-central']
  const cross = [
    RULE,
    { caller: 'mod-search-4.0.0', directions: both, consortia: ['west'], why: 'w' },
    { caller: 'public', directions: ['member-to-member'], why: 'w' },
    { caller: 'operator/anna', directions: both, why: 'w' },
  ]
  const file = { consortia: [CENTRAL, WEST], cross }
  for (const [caller, from, to, expected] of [
    ['mod-consortia-1.0.0', 'east', 'college', true],
    ['mod-consortia-2.0.0', 'west', 'academy', true],
    ['mod-consortia-1.0.0', 'college', 'east', false],
    ['mod-consortia-1.0.0', 'college', 'university', false],
    ['mod-consortia-keycloak-1.0.0', 'east', 'college', false],
    ['mod-search-4.0.0', 'west', 'academy', true],
    ['mod-search-4.0.0', 'academy', 'west', true],
    ['mod-search-4.0.0', 'east', 'college', false],
    ['mod-search-4.0.1', 'west', 'academy', false],
    ['public', 'college', 'university', true],
    ['public', 'east', 'college', false],
    ['operator/anna', 'college', 'east', true],
    ['operator/eve', 'college', 'east', false],
    ['client/anna', 'college', 'east', false],
  ] as const) {
    t.is(crosses(file, caller, from, to), expected, `${caller} ${from} ${to}`)
  }
})

for (const [what, value, expected] of [
  ['a list', [], ': must be an object'],
  ['a slip in a key', { consortium: [] }, '/consortium: there is no field consortium here'],
  ['consortia that are no list', { consortia: CENTRAL }, '/consortia: consortia must be a list'],
  [
    'a consortium without a central tenant',
    { consortia: [{ members: ['a'] }] },
    '/consortia/0: central must be a text that is not empty',
  ],
  [
    'a tenant twice',
    { consortia: [{ central: 'a', members: ['b', 'c', 'b'] }] },
    '/consortia/0/members/2: tenant b is listed twice here',
  ],
  [
    'the central tenant as a member',
    { consortia: [{ central: 'a', members: ['a'] }] },
    '/consortia/0/members/0: tenant a is listed twice here',
  ],
  [
    'a tenant in two consortia',
    { consortia: [CENTRAL, { central: 'west', members: ['college'] }] },
    '/consortia/1/members/0: tenant college is listed in the consortium of east too',
  ],
  [
    'what is not a tenant name',
    { consortia: [{ central: 'a', members: ['b', 'c d'] }] },
    '/consortia/0/members/1: "c d" is not a tenant name',
  ],
  [
    'the supertenant',
    { consortia: [{ central: 'SuperTenant', members: [] }] },
    '/consortia/0/central: supertenant is in no consortium: it administrates all tenants',
  ],
  [
    'an unknown direction',
    { consortia: [CENTRAL], cross: [{ ...RULE, directions: ['both'] }] },
    '/cross/0/directions: both is none of central-to-member, member-to-central, member-to-member',
  ],
  [
    'no direction',
    { consortia: [CENTRAL], cross: [{ ...RULE, directions: [] }] },
    '/cross/0/directions: directions must be a list that is not empty',
  ],
  [
    'a rule for a consortium that is not there',
    { consortia: [CENTRAL], cross: [{ ...RULE, consortia: ['college'] }] },
    '/cross/0/consortia: college is the central tenant of no consortium here (east)',
  ],
  [
    'a rule for all',
    { consortia: [CENTRAL], cross: [{ ...RULE, caller: '*' }] },
    '/cross/0/caller: caller must be a module, operator/NAME, client/NAME, public or plain',
  ],
  [
    'a rule without a reason',
    { consortia: [CENTRAL], cross: [{ ...RULE, why: ' ' }] },
    '/cross/0/why: why must be a text that is not empty',
  ],
] as const) {
  test(`consortia: ${what} is an error with its place`, (t) =>
    t.deepEqual(found(value), [expected]))
}

test('rules that let nothing cross are worth a warning', (t) => {
  const warned = (value: unknown) => {
    const problems: Problem[] = []
    checkConsortia(read(value).consortia, (name) => name === 'mod-consortia', problems)
    return problems.map(({ severity, message }) => `${severity}: ${message}`)
  }
  t.deepEqual(warned({ consortia: [CENTRAL], cross: [RULE] }), [])
  t.deepEqual(warned({ consortia: [CENTRAL], cross: [{ ...RULE, caller: 'public' }] }), [])
  t.deepEqual(warned({ consortia: [CENTRAL], cross: [{ ...RULE, caller: 'mod-consortai' }] }), [
    'warning: no descriptor of mod-consortai is installed, so it cannot cross',
  ])
  t.deepEqual(warned({ cross: [RULE] }), [
    'warning: there is no consortium, so mod-consortia cannot cross',
  ])
  t.deepEqual(
    warned({ consortia: [WEST], cross: [{ ...RULE, directions: ['member-to-member'] }] }),
    ['warning: no consortium has two members, so mod-consortia cannot cross'],
  )
})

test('a proposed rule lets the caller cross', (t) => {
  const caller: Caller = { kind: 'module', id: 'mod-search-4.0.0' }
  const way = { central: 'east', crossing: 'member-to-central' } as const
  t.is(
    proposedCrossing(caller, way),
    '{caller: mod-search-4.0.0, directions: [member-to-central], consortia: [east], why} under `cross` in policy.consortia',
  )
})
