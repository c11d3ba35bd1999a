import { readFileSync } from 'node:fs'
import test from 'ava'
import { placesThatDiffer, withTenantTables } from '../../scripts/tenants-table.ts'

test('docs/tenants.md has the tables that the test of all accesses expects', (t) => {
  const text = readFileSync(new URL('../../docs/tenants.md', import.meta.url), 'utf8')
  t.is(withTenantTables(text), text, 'npm run tenants')
})

test('one table speaks for a module’s egress and for Okapi’s ingress', (t) => {
  t.deepEqual(placesThatDiffer(), [])
})
