import test from 'ava'
import { whatShouldBecomeOf } from '../support/token-oracle.ts'
import {
  TOKEN_MODES,
  TOKEN_PLACES,
  type TokenUse,
  tokenUses,
  whatBecomesOf,
} from '../support/token-table.ts'

const ALL = [...tokenUses()]
const told = (use: TokenUse) => Object.values(use).join(' | ')

for (const place of TOKEN_PLACES) {
  for (const mode of TOKEN_MODES) {
    test(`tokens, ${place}, ${mode}: each passes, or fails with its reason`, async (t) => {
      const some = ALL.filter((use) => use.place === place && use.mode === mode)
      const wrong: string[] = []
      for (const use of some) {
        const [becomes, should] = [await whatBecomesOf(use), whatShouldBecomeOf(use)]
        if (becomes !== should) wrong.push(`${told(use)}: ${becomes}, not ${should}`)
      }
      t.deepEqual(wrong.slice(0, 20), [], `${wrong.length} of ${some.length}`)
      t.log(`${some.length} uses of tokens`)
    })
  }
}

test('the table of tokens has all combinations, and every answer in it', (t) => {
  t.log(`${ALL.length} uses of tokens`)
  t.is(ALL.length, 2 * 2 * 3 * 4 * 13 * 5 + 3 * 4 * 13 * 5)
  t.is(new Set(ALL.map(told)).size, ALL.length)
  t.deepEqual([...new Set(ALL.map(whatShouldBecomeOf))].sort(), [
    '403 token-not-seen-here',
    'passes',
    'passes, would be token-not-seen-here',
  ])
})
