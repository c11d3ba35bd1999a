import test from 'ava'
import fc from 'fast-check'
import { matchPattern, parsePathPattern } from '../../src/folio/path-pattern.ts'
import { parseCaller } from '../../src/policy/caller.ts'
import { RouteTable } from '../../src/policy/route-table.ts'
import { compiled, FIXTURE_VALUES, findings, policyOf } from './tools.ts'

// What peers search for and descriptors are searched through: no pair of them takes long.

const meter = { visited: 0 }

function routed(text: string) {
  const pattern = parsePathPattern(text)
  if (typeof pattern === 'string') throw new Error(pattern)
  return { text, pattern, mask: 1 }
}

/** 100 patterns of 15 stars and 1,900 letters, as an attacker would write them. */
const HOSTILE = Array.from({ length: 100 }, (_, i) => `/${`*${'a'.repeat(126)}`.repeat(15)}b${i}`)

function module(id: string, patterns: readonly string[]) {
  const handlers = patterns.map((pathPattern) => ({ methods: ['GET'], pathPattern }))
  return { id, name: id, provides: [{ id: id.replace(/-\d.*/, ''), version: '1.0', handlers }] }
}

const piece = fc.constantFrom('/', 'a', 'b', '{x}', '*', '/a', '/{x}', '/*', 'ab')
const somePattern = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`)
const somePath = fc
  .array(fc.constantFrom('/', 'a', 'b', 'ab', 'a'.repeat(300)), { maxLength: 10 })
  .map((all) => `/${all.join('')}`)

test('a table finds what each of its patterns matches, and takes no longer than it says', (t) => {
  let [found, dearest] = [0, 0]
  fc.assert(
    fc.property(fc.array(somePattern, { maxLength: 40 }), somePath, (patterns, path) => {
      const routes = [...new Set(patterns)].map(routed)
      const table = new RouteTable(routes, { buckets: false })
      const bytes = Buffer.from(path)
      const hit = table.find(bytes, 0, bytes.length, 1)
      const expected = routes.filter(({ pattern }) =>
        matchPattern(pattern.parts, bytes, 0, bytes.length, meter),
      )
      t.deepEqual(
        table.routes(hit).map(({ text }) => text),
        expected.map(({ text }) => text),
        JSON.stringify([patterns, path]),
      )
      found += expected.length
      const { compared, starred } = table.searchCost
      const words = Math.ceil(starred / 32)
      // A parameter counts as 32 bytes, and scans 256 at most before slashes are looked up.
      t.true(table.visited <= 8 * compared + words * bytes.length, JSON.stringify([patterns, path]))
      dearest = Math.max(dearest, table.visited)
    }),
    { numRuns: 3000 },
  )
  t.true(found > 300, `only ${found} of the generated patterns matched`)
  t.true(dearest > 1000)
})

test('the patterns of an attacker are refused, before anything is searched through them', (t) => {
  const { policy, problems } = compiled({}, [...FIXTURE_VALUES, module('mod-evil-1.0.0', HOSTILE)])
  t.is(policy, undefined)
  const [problem, ...more] = problems.filter(({ severity }) => severity === 'error')
  t.deepEqual(more, [])
  t.like(problem, { where: { file: 'mod-evil-1.0.0.json' } })
  t.regex(
    problem?.message ?? '',
    /^the path patterns of mod-evil-1\.0\.0 make one request take too long: \d+ places behind a `\*`/,
  )
})

test('a sum that is too large is refused although each part is allowed, and the largest is named', (t) => {
  const inner = (m: number) =>
    Array.from({ length: 3 + (m % 3) }, (_, i) => `/*/m${m}${'x'.repeat(40)}${i}/{id}`)
  const five = [1, 2, 3, 4, 5].map((m) => module(`mod-m${m}-1.0.0`, inner(m)))
  t.truthy(compiled({}, [five[0]]).policy)
  const { policy, problems } = compiled({}, five)
  t.is(policy, undefined)
  const [{ message = '', where } = {}] = problems
  t.regex(
    message,
    /^the path patterns of all modules together .*; most of it is of mod-m2-1\.0\.0$/,
  )
  t.deepEqual(where, { file: 'mod-m2-1.0.0.json' })
})

test('sixty modules with twenty wildcards each are no more than one of them, where their paths differ', (t) => {
  const modules = Array.from({ length: 60 }, (_, m) =>
    module(
      `mod-m${m}-1.0.0`,
      Array.from({ length: 20 }, (_, i) => `/m${m}/x${i}/*/items/{id}/y*`),
    ),
  )
  const policy = policyOf({}, modules)
  const judge = policy.bind(parseCaller('public'), 'okapi')
  const ask = (path: string) => {
    const bytes = Buffer.from(path)
    return judge.decide('GET', bytes, 0, bytes.length, 'diku', undefined).allow
  }
  t.true(ask('/m7/x3/a/b/c/items/1/y'))
  t.true(ask('/m59/x19//items/1/y/z'))
  t.false(ask('/m7/x3/a/b/c/items//y'))
  t.false(ask('/m7/x20/a/items/1/y'))
})

test('wildcards that no path can meet together are bounded too: all of them take memory', (t) => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => `/x${i}/*${'a'.repeat(900)}/{id}`)
  t.truthy(compiled({}, [module('mod-m-1.0.0', many(100))]).policy)
  const { policy, problems } = compiled({}, [module('mod-m-1.0.0', many(200))])
  t.is(policy, undefined)
  t.regex(
    problems[0]?.message ?? '',
    /: \d+ places behind a `\*` in all, and at most 131072 may be$/,
  )
})

test('paths that branch at every segment are refused from a certain number on', (t) => {
  const branching = (depth: number) =>
    Array.from({ length: 2 ** depth }, (_, i) =>
      Array.from({ length: depth }, (_, k) => ((i >> k) & 1 ? '/{x}' : '/aaaaaaaa')).join(''),
    )
  t.truthy(compiled({}, [module('mod-m-1.0.0', branching(8))]).policy)
  const { policy, problems } = compiled({}, [module('mod-m-1.0.0', branching(12))])
  t.is(policy, undefined)
  t.regex(problems[0]?.message ?? '', /bytes that one path can be compared with/)
})

test('grants and exceptions with the patterns of an attacker are refused too', (t) => {
  const why = 'a test'
  const grants = HOSTILE.map((path) => ({
    caller: 'mod-tags',
    at: 'okapi',
    methods: ['GET'],
    path,
    why,
  }))
  const [granted] = findings(compiled({ grants }).problems)
  t.regex(granted ?? '', /^error .*: the paths of all grants make one request take too long/)
  const pathExceptions = HOSTILE.map((path) => ({ at: 'okapi', path, allow: ['%2f'], why }))
  const [excepted] = findings(compiled({ pathExceptions }).problems)
  t.regex(excepted ?? '', /the paths of policy\.pathExceptions make one request take too long/)
  t.truthy(
    compiled({ pathExceptions: [{ at: 'okapi', path: '/a*b*c', allow: ['%2f'], why }] }).policy,
  )
})
