import test from 'ava'
import { methodIndex, methodMask } from '../../src/folio/descriptor.ts'
import { parsePathPattern } from '../../src/folio/path-pattern.ts'
import { NO_HIT, RouteTable } from '../../src/policy/route-table.ts'

function route(text: string) {
  const [methods, pathPattern] = text.split(' ')
  const pattern = parsePathPattern(pathPattern!)
  if (typeof pattern === 'string') throw new Error(pattern)
  return { text, pattern, mask: methodMask(methods!.split(',')) }
}

function finder(routes: readonly string[], buckets = true) {
  const table = new RouteTable(routes.map(route), { buckets })
  const find = (asked: string) => {
    const [method, path] = asked.split(' ')
    const bytes = Buffer.from(path!)
    return table.find(bytes, 0, bytes.length, 1 << methodIndex(method!))
  }
  return { table, find, texts: (asked: string) => table.routes(find(asked)).map((r) => r.text) }
}

// okapi-core ModuleCacheTest.testLookupRoutingEntries and testModuleRegular.
test('finds what Okapi’s lookup finds', (t) => {
  const { texts } = finder([
    'GET /a/b',
    'POST /a/b',
    'GET /a/b/{id}/c',
    'GET /p/*/y',
    'GET /perms/users*',
    'GET /a/client_id',
    'GET /a/{id}',
  ])
  const found: Readonly<Record<string, readonly string[]>> = {
    'GET /': [],
    'GET /a': [],
    'GET /a/b': ['GET /a/b', 'POST /a/b'],
    'PUT /a/b': [],
    'GET /a/b/': [],
    'GET /a/b/id/c': ['GET /a/b/{id}/c'],
    'GET /p/id/y': ['GET /p/*/y'],
    'GET /p/id/z': [],
    'GET /p/id': [],
    'GET /p/id/y/z': [],
    'GET /perms/users': ['GET /perms/users*'],
    'GET /perms/users/y': ['GET /perms/users*'],
    'GET /perms/users1': ['GET /perms/users*'],
    'GET /perms/user': [],
    'GET /a/id': ['GET /a/{id}'],
    'GET /a/client_id': ['GET /a/client_id'],
  }
  for (const [asked, routes] of Object.entries(found)) t.deepEqual(texts(asked), routes, asked)
})

test('the first bucket with a match of that method decides, and all of it', (t) => {
  const { texts } = finder(['PUT /a/b', 'GET /a/{x}', 'GET /a/b{x}', 'GET /a/*', 'GET /*'])
  t.deepEqual(texts('GET /a/b'), ['GET /a/{x}', 'GET /a/*'])
  t.deepEqual(texts('PUT /a/b'), ['PUT /a/b'])
  t.deepEqual(texts('GET /a/bc'), ['GET /a/{x}', 'GET /a/b{x}', 'GET /a/*'])
  t.deepEqual(texts('GET /b'), ['GET /*'])
  t.deepEqual(texts('DELETE /b'), [])
})

test('Okapi never finds a pattern without a slash before its variable part', (t) => {
  const { texts } = finder(['GET *', 'GET {x}', 'GET a/{x}', 'GET a'])
  for (const asked of ['GET /', 'GET /a', 'GET /a/b']) t.deepEqual(texts(asked), [], asked)
})

test('without buckets every match counts', (t) => {
  const { texts } = finder(['GET /a/b', 'GET /a/{x}', 'GET /*'], false)
  t.deepEqual(texts('GET /a/b'), ['GET /a/b', 'GET /a/{x}', 'GET /*'])
})

test('the same routes give the same number, others another one', (t) => {
  const { find } = finder(['GET /a/{x}', 'GET /a/b*', 'GET /c'])
  t.is(find('GET /a/1'), find('GET /a/2'))
  t.is(find('GET /a/b1'), find('GET /a/b2'))
  t.not(find('GET /a/1'), find('GET /a/b1'))
  t.not(find('GET /a/1'), find('GET /c'))
  t.is(find('GET /d'), NO_HIT)
})

test('edges are split wherever patterns part', (t) => {
  const routes = ['/users', '/users-secret', '/user', '/u', '/users/{id}', '/us/{x}', '/usage']
  const { texts } = finder(routes.map((path) => `GET ${path}`))
  for (const path of routes.filter((text) => !text.includes('{'))) {
    t.deepEqual(texts(`GET ${path}`), [`GET ${path}`])
    t.deepEqual(texts(`GET ${path}x`), [])
  }
})

const HOSTILE: readonly (readonly [name: string, path: string])[] = [
  ['one long segment', `/users/${'a'.repeat(65536)}`],
  ['nothing but slashes and letters', '/a'.repeat(32768)],
  ['a long tail behind a star', `/perms/users${'/x'.repeat(32768)}`],
  ['almost every pattern, again and again', `/${'users/'.repeat(10922)}`],
]

test('a hostile path of 64 KiB is looked at about once, however many routes there are', (t) => {
  const words = ['users', 'perms', 'items', 'notes', 'a']
  const routes = words.flatMap((one) =>
    words.flatMap((two) =>
      words.flatMap((three) => [
        `GET /${one}/{id}/${two}/{x}/${three}`,
        `GET /${one}/{id}/${two}/{x}/${three}/{y}`,
        `GET /${one}/${two}/{x}/${three}*`,
        `GET /${one}/{a}`,
      ]),
    ),
  )
  t.is(routes.length, 500)
  const { table, find } = finder(routes)
  for (const [name, path] of HOSTILE) {
    const before = table.visited
    find(`GET ${path}`)
    const visited = table.visited - before
    t.true(visited <= path.length * 2, `${name}: ${visited} bytes for ${path.length}`)
  }
})

test('the work for a request does not grow with the number of routes', (t) => {
  const work = (count: number) => {
    const routes = Array.from({ length: count }, (_, i) => `GET /m${i % 97}/r${i}/{id}`)
    const { table, find } = finder([...routes, 'GET /users/{id}'])
    find('GET /users/11111111-1111-1111-1111-111111111111')
    return table.visited
  }
  t.true(work(10) > 0)
  t.is(work(10_000), work(100))
})
