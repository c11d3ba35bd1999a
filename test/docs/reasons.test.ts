import { readFileSync } from 'node:fs'
import test from 'ava'
import { reasonsTable, withTable } from '../../scripts/reasons-table.ts'

for (const file of ['README.md', 'docs/refusals.md']) {
  test(`${file} has the table of reasons that the code has`, (t) => {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    t.is(withTable(text, reasonsTable()), text)
  })
}
