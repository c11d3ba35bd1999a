import test from 'ava'
import { whatShouldHappen } from '../support/tenant-oracle.ts'
import { type Access, accesses, MODES, PLACES, whatHappens } from '../support/tenant-table.ts'

const ALL = [...accesses()]

function told(access: Access): string {
  return Object.values(access).join(' | ')
}

for (const place of PLACES) {
  for (const mode of MODES) {
    const some = ALL.filter((access) => access.place === place && access.mode === mode)

    test(`tenants, ${place}, ${mode}: each access passes, or fails with its reason`, async (t) => {
      const wrong: string[] = []
      for (const access of some) {
        const [happens, should] = [await whatHappens(access), whatShouldHappen(access)]
        if (happens !== should) wrong.push(`${told(access)}: ${happens}, not ${should}`)
      }
      t.deepEqual(wrong.slice(0, 20), [], `${wrong.length} of ${some.length}`)
      t.log(`${some.length} accesses`)
    })
  }
}

test('the table of tenants has all combinations, and every answer in it', (t) => {
  t.log(`${ALL.length} accesses`)
  t.is(ALL.length, 2 * 3 * 3 * 3 * 9 * 15 * 4 + 2 * 3 * 3 * 9 * 15 * 4)
  t.is(new Set(ALL.map(told)).size, ALL.length)
  const answers = Map.groupBy(ALL.map(whatShouldHappen), (answer) => answer)
  t.deepEqual([...answers.keys()].sort(), [
    '400 ambiguous-header',
    '403 admin-route',
    '403 forbidden-header',
    '403 tenant-mismatch',
    '403 tenant-not-allowed',
    'passes',
    'passes, would be tenant-mismatch',
    'passes, would be tenant-not-allowed',
  ])
})
