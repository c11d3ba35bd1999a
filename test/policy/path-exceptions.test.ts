import test from 'ava'
import { parseCaller } from '../../src/policy/caller.ts'
import { compiled, findings, policyOf } from './tools.ts'

const AT_INVENTORY = {
  at: 'mod-inventory',
  path: '/inventory/items/{id}',
  allow: ['%2F', ';'],
  why: 'bar codes',
}

function allowed(pathExceptions: readonly object[], at: string, path: string): readonly string[] {
  const bytes = Buffer.from(path)
  const judge = policyOf({ pathExceptions }).bind(parseCaller('mod-notes-8.1.0'), at)
  return judge.pathExceptions(bytes, 0, bytes.length)
}

test('an exception holds at its module and, for its callers, at Okapi', (t) => {
  for (const at of ['okapi', 'okapi-7.2.0', 'mod-inventory-22.1.0']) {
    t.deepEqual(allowed([AT_INVENTORY], at, '/inventory/items/a%2Fb'), ['%2f', ';'], at)
    t.deepEqual(allowed([AT_INVENTORY], at, '/inventory/items/a/b'), [], at)
    t.deepEqual(allowed([AT_INVENTORY], at, '/users/a%2Fb'), [], at)
  }
  t.deepEqual(allowed([AT_INVENTORY], 'mod-users-19.7.0', '/inventory/items/a%2Fb'), [])
})

test('an exception at Okapi does not hold at modules', (t) => {
  const exception = { ...AT_INVENTORY, at: 'okapi' }
  t.deepEqual(allowed([exception], 'okapi', '/inventory/items/1'), ['%2f', ';'])
  t.deepEqual(allowed([exception], 'mod-inventory-22.1.0', '/inventory/items/1'), [])
})

test('an exception may begin with anything and have stars anywhere', (t) => {
  const anywhere = { ...AT_INVENTORY, path: '*/items*/{id}' }
  t.deepEqual(allowed([anywhere], 'okapi', '/inventory/itemsx/1'), ['%2f', ';'])
  t.deepEqual(allowed([anywhere], 'okapi', '/inventory/item/1'), [])
})

test('several exceptions add up', (t) => {
  const more = { ...AT_INVENTORY, path: '/inventory/*', allow: ['//'] }
  t.deepEqual(allowed([AT_INVENTORY, more], 'okapi', '/inventory/items/1'), ['%2f', ';', '//'])
})

test('an exception for every path, for a module that is not there, or for no route is a warning', (t) => {
  const found = (more: object, own?: string) => {
    const rules = {
      pathExceptions: [{ ...AT_INVENTORY, ...more }],
      ...(own !== undefined && { own }),
    }
    return findings(compiled(rules).problems)
  }
  t.deepEqual(found({}), [])
  t.deepEqual(found({ at: 'okapi' }), [])
  t.deepEqual(found({ at: 'okapi', path: '/_/invoke/tenant/{id}/*' }), [])
  for (const path of ['/*', '*', '/{api}/items/{id}', '/{api}/*']) {
    for (const at of ['okapi', 'mod-inventory']) {
      const [said = ''] = found({ path, at })
      t.is(
        said,
        'warning /pathExceptions/0: this allows %2f ; in the paths of every API, at Okapi too',
      )
    }
  }
  t.regex(found({ at: 'mod-inventroy' })[0]!, /no descriptor of mod-inventroy is installed/)
  t.regex(found({ path: '/inventory/itmes/{id}' })[0]!, /no route of mod-inventory matches/)
  t.regex(found({ path: '/itmes', at: 'okapi' })[0]!, /no route of an installed module matches/)
  // The sidecar of another module may not have its descriptor.
  t.deepEqual(found({ at: 'mod-inventroy' }, 'mod-notes-8.1.0'), [])
  t.is(found({ path: '/*' }, 'mod-notes-8.1.0').length, 1)
})

test('never for dots, NUL, what cuts a path, or without a reason', (t) => {
  const found = (more: object) =>
    findings(compiled({ pathExceptions: [{ ...AT_INVENTORY, ...more }] }).problems)
  for (const wrong of ['..', '.', '%2e', '%2E', '%00', '#', '\\', '%', '%2f%2e', '']) {
    t.regex(found({ allow: [wrong] })[0] ?? '', /^error \/pathExceptions\/0\/allow/, wrong)
  }
  t.regex(found({ why: undefined })[0]!, /^error \/pathExceptions\/0: why/)
  t.regex(found({ path: '/a.b' })[0]!, /^error \/pathExceptions\/0\/path/)
  t.regex(found({ until: '2027-01-01' })[0]!, /no field until/)
})
