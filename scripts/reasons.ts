// Writes the table of reasons into README.md and docs/refusals.md, from the code that refuses.
import { readFileSync, writeFileSync } from 'node:fs'
import { reasonsTable, withTable } from './reasons-table.ts'

for (const file of ['README.md', 'docs/refusals.md']) {
  const url = new URL(`../${file}`, import.meta.url)
  writeFileSync(url, withTable(readFileSync(url, 'utf8'), reasonsTable()))
}
