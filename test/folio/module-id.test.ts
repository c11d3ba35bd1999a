import test from 'ava'
import { isOkapi, parseModuleId, productOf, splitModuleId } from '../../src/folio/module-id.ts'

const SPLITS: readonly (readonly [id: string, product: string, version: string | undefined])[] = [
  ['mod-users-19.7.0', 'mod-users', '19.7.0'],
  ['mod-users-bl-8.1.0-SNAPSHOT', 'mod-users-bl', '8.1.0-SNAPSHOT'],
  ['module-1-2+3', 'module', '1-2+3'],
  ['foo-bar1-1.2', 'foo-bar1', '1.2'],
  ['folio_users-1.2.1000123', 'folio_users', '1.2.1000123'],
  // A product with a digit after a hyphen is cut there, by Okapi too.
  ['mod-2fa-1.0.0', 'mod', '2fa-1.0.0'],
  ['mod-users', 'mod-users', undefined],
  ['mod-users-', 'mod-users-', undefined],
  ['', '', undefined],
  // Java's isDigit would take these; no certificate can hold them.
  ['mod-users-\u0661.0', 'mod-users-\u0661.0', undefined],
]

for (const [id, product, version] of SPLITS) {
  test(`splits ${JSON.stringify(id)} as Okapi does`, (t) => {
    t.deepEqual(splitModuleId(id), { product, version })
    t.is(productOf(id), product)
  })
}

test('a module id has a product and a version that Okapi can read', (t) => {
  t.is(parseModuleId('mod-users-19.7.0')?.product, 'mod-users')
  for (const wrong of ['mod-users', 'mod-2fa-1.0.0', '-1.0', 'mod-users-1.', 'mod-users-1x']) {
    t.is(parseModuleId(wrong), undefined, wrong)
  }
})

test('Okapi is exactly the product okapi', (t) => {
  for (const id of ['okapi', 'okapi-7.2.0', 'okapi-7']) t.true(isOkapi(id), id)
  for (const id of ['okapi-test-module-1', 'mod-okapi-1', 'Okapi-7.2.0', 'okapi2-1.0', '']) {
    t.false(isOkapi(id), id)
  }
})
