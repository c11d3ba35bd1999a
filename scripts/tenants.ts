// Writes the tables of docs/tenants.md, from what the test of all accesses expects.
import { readFileSync, writeFileSync } from 'node:fs'
import { withTenantTables } from './tenants-table.ts'

const page = new URL('../docs/tenants.md', import.meta.url)
writeFileSync(page, withTenantTables(readFileSync(page, 'utf8')))
