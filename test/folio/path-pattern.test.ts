import test from 'ava'
import fc from 'fast-check'
import { matchPattern, type PathPattern, parsePathPattern } from '../../src/folio/path-pattern.ts'
import { overlap } from '../../src/folio/pattern-states.ts'

const meter = { visited: 0 }

function parsed(text: string): PathPattern {
  const pattern = parsePathPattern(text)
  if (typeof pattern === 'string') throw new Error(pattern)
  return pattern
}

function matches(pattern: string, path: string): boolean {
  const bytes = Buffer.from(`>${path}<`)
  return matchPattern(parsed(pattern).parts, bytes, 1, bytes.length - 1, meter)
}

// The answers are those of okapi-core RoutingEntryTest; paths as cut at the first `?` or `#`.
const TABLE: Readonly<Record<string, { yes: readonly string[]; no: readonly string[] }>> = {
  '/': { yes: ['/'], no: ['', '/a', '/a/'] },
  '/*': { yes: ['/', '/a', '/a/', '/a/b'], no: [''] },
  '/*/a': { yes: ['/b/a', '/c/b/a', '//a'], no: ['/', '/a', '/a/', '', '/b/ab'] },
  '/a/{id}': { yes: ['/a/b', '/a/0-9'], no: ['/', '/a', '/a/', '/a/b/', '/a/b/c'] },
  '/a/{id}/c': { yes: ['/a/b/c'], no: ['/a/b', '/a//c', '/a/b/c/', '/a/b/cc'] },
  // Greedy, no second try: a literal directly behind a name never matches.
  '/a/{id}b': { yes: [], no: ['/a/xb', '/a/b', '/a/xbb'] },
  '{id}/': { yes: ['a/'], no: ['/'] },
  '{}/': { yes: ['a/'], no: ['/'] },
  '/{id}/': { yes: ['/a/'], no: ['//'] },
  '{id1}/*/{id2}': { yes: ['a/b/c/d', 'a//d'], no: ['a/d', '//'] },
  '/groups/{id}*': { yes: ['/groups/1', '/groups/1/x'], no: ['/groups/', '/groups'] },
  '/perms/users*': {
    yes: ['/perms/users', '/perms/users/1', '/perms/usersx'],
    no: ['/perms/user'],
  },
  '/p/*/y': { yes: ['/p/id/y', '/p/a/b/y'], no: ['/p/id', '/p/id/z', '/p/y'] },
  '/a*b*c': { yes: ['/abc', '/axbxbxc'], no: ['/acb', '/ab'] },
  // Nothing is decoded or folded.
  '/users/{id}': {
    yes: ['/users/a%2Fb', '/users/..', '/users/;x'],
    no: ['/Users/a', '/%75sers/a'],
  },
}

for (const [pattern, { yes, no }] of Object.entries(TABLE)) {
  test(`matches ${pattern} as Okapi does`, (t) => {
    for (const path of yes) t.true(matches(pattern, path), path)
    for (const path of no) t.false(matches(pattern, path), path)
  })
}

test('refuses the characters that Okapi refuses', (t) => {
  for (const wrong of [
    '/a{a{',
    '/a{',
    '/?a=b',
    '/a.b',
    '/a\\b',
    '/a{:}b',
    '/a}',
    '/a b',
    '/{a/b}',
  ]) {
    t.is(typeof parsePathPattern(wrong), 'string', wrong)
  }
})

test('stands in the bucket that Okapi puts it in', (t) => {
  // okapi-core ModuleCacheTest.testGetPatternPrefix
  const prefixes = {
    '/': '/',
    '/{id}': '/',
    '{id}': '',
    '/a/b{id}': '/a/',
    '/a/*c': '/a/',
    '/a/b*': '/a/',
    '/a/b/': '/a/b/',
    '/a/b': '/a/b',
    '/a/{id}': '/a/',
  }
  for (const [pattern, prefix] of Object.entries(prefixes)) {
    t.is(parsed(pattern).bucketBytes, prefix.length, pattern)
  }
})

/** RoutingEntry.fastMatch's meaning, said with a regular expression: in a test that is fine. */
function reference(pattern: string, path: string): boolean {
  const source = pattern
    .replace(/[/a-c]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
    .replace(/\{[^}]*\}/g, '[^/]+(?=/|$)')
    .replaceAll('*', '[^]*')
  return new RegExp(`^${source}$`).test(path)
}

test('agrees with a slow and obvious reference on anything', (t) => {
  const piece = fc.constantFrom('/', 'a', 'b', '{x}', '*', '/a', '/{x}')
  const pattern = fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(''))
  const path = fc.array(fc.constantFrom('/', 'a', 'b'), { maxLength: 9 }).map((all) => all.join(''))
  let matched = 0
  fc.assert(
    fc.property(pattern, path, (p, text) => {
      const expected = reference(p, text)
      if (expected) matched++
      t.is(matches(p, text), expected, `${p} ${text}`)
    }),
    { numRuns: 3000 },
  )
  t.true(matched > 100, `only ${matched} of the generated pairs matched`)
})

test('two patterns overlap where one path matches both', (t) => {
  const both = (a: string, b: string) => overlap(parsed(a).parts, parsed(b).parts)
  const yes = ['/a/{x} /{y}/b', '/* /_/tenant', '/{a}/{b}/{c} /_/tenant/{id}', '/a*c /ab*', '/a /a']
  const no = ['/a/{x} /a', '/{a} /_/tenant', '/a*c /b*', '/a/{x}b /a/*', '/{x}/a /{x}/b', '/a /a/']
  for (const pair of yes) t.true(both(...(pair.split(' ') as [string, string])), pair)
  for (const pair of no) t.false(both(...(pair.split(' ') as [string, string])), pair)
})

test('the work grows with the path, however many stars and however hostile', (t) => {
  const pattern = parsed('/*a*a*{x}/b*a*c')
  const work = (length: number) => {
    const bytes = Buffer.alloc(length, 'a')
    bytes[0] = 0x2f
    const counting = { visited: 0 }
    t.false(matchPattern(pattern.parts, bytes, 0, bytes.length, counting))
    return counting.visited
  }
  t.true(work(65536) < 65536 * 20, String(work(65536)))
  t.true(work(65536) < work(32768) * 2.1)
})

test('a pattern longer than any request is refused by every reader', (t) => {
  t.is(typeof parsePathPattern('/a'.repeat(1024)), 'object')
  t.is(parsePathPattern(`${'/a'.repeat(1024)}b`), 'a pathPattern has at most 2048 characters')
})
