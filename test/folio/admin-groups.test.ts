import { readFileSync } from 'node:fs'
import test from 'ava'
import { ADMIN_GROUPS, ADMIN_ROUTES } from '../../src/folio/admin-groups.ts'
import { readDescriptor } from '../../src/folio/read-descriptor.ts'

const keysOf = (routes: readonly { methods: readonly string[]; pathPattern: string }[]) =>
  routes.flatMap(({ methods, pathPattern }) => methods.map((method) => `${method} ${pathPattern}`))

test('each route is in one group, and every group has a route', (t) => {
  const keys = keysOf(ADMIN_ROUTES)
  t.is(new Set(keys).size, keys.length)
  t.deepEqual([...new Set(ADMIN_ROUTES.map(({ group }) => group))].sort(), [...ADMIN_GROUPS].sort())
})

test('reading is only reading, and never the environment or a launch descriptor', (t) => {
  for (const { methods, pathPattern } of ADMIN_ROUTES.filter(({ group }) => group === 'read')) {
    t.deepEqual(methods, ['GET'])
    t.false(/^\/_\/(env|deployment)/.test(pathPattern), pathPattern)
  }
})

test('every internal route of Okapi’s descriptor has a group', (t) => {
  const url = new URL('../fixtures/descriptors/okapi-7.2.0.json', import.meta.url)
  const { descriptor } = readDescriptor(JSON.parse(readFileSync(url, 'utf8')))
  const known = new Set(keysOf(ADMIN_ROUTES))
  const routes = descriptor!.provides.flatMap(({ handlers }) =>
    handlers.map(({ methods, pathPattern }) => ({
      methods: methods!,
      pathPattern: pathPattern!,
    })),
  )
  t.true(routes.length > 10)
  for (const key of keysOf(routes)) t.true(known.has(key), key)
})
