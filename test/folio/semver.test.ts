import test from 'ava'
import fc from 'fast-check'
import { comparePart, comparePreRelease, parseSemVer } from '../../src/folio/semver.ts'

const compare = (a: string, b: string) => comparePreRelease(parseSemVer(a)!, parseSemVer(b)!)

// The order is that of okapi-common SemVerTest.
const ORDER: readonly (readonly [a: string, b: string, order: number])[] = [
  ['1.0.0', '1.0.0', 0],
  ['1.0.0', '1.0.0-rc.1', 1],
  ['1.0.0-alpha.1', '1.0.0-alpha', 1],
  ['1.0.0-alpha.beta', '1.0.0-alpha.1', 1],
  ['1.0.0-beta', '1.0.0-alpha.beta', 1],
  ['1.0.0-beta.11', '1.0.0-beta.2', 1],
  ['1.0.0-rc.1+snapshot-2017.2', '1.0.0-rc.1+snapshot-2017.1', 0],
  ['1.0.0-2a-3a', '1.0.0-2a-3', 1],
  ['1.0.0-2a-3', '1.0.0-1234', 1],
  ['1.0.0-1234', '1.0.0-911', 1],
]

for (const [a, b, order] of ORDER) {
  test(`${a} against ${b} is ${order}`, (t) => {
    t.is(compare(a, b), order)
    t.is(compare(b, a), order === 0 ? 0 : -order)
  })
}

test('numbers are compared by value, also those that a double cannot hold', (t) => {
  t.is(comparePart('123456789012345678', '123456789012345677'), 1)
  t.is(comparePart('0010', '9'), 1)
  t.is(comparePart('00', '0'), 0)
})

test('refuses what Okapi refuses', (t) => {
  const wrong = ['', 'x', 'x.y', '1.y', '1.', '1-', '1-2.', '1-2.3.', '1x+', '1234567890123456789']
  for (const text of wrong) t.is(parseSemVer(text), undefined, text)
})

test('the order is total: antisymmetric and transitive in sign', (t) => {
  const parts = fc.array(fc.constantFrom('1', '01', '2', 'a', 'SNAPSHOT', '1a'), { maxLength: 3 })
  const version = parts.map((pre) => (pre.length === 0 ? '1' : `1-${pre.join('.')}`))
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      t.is(compare(a, b), compare(b, a) === 0 ? 0 : -compare(b, a))
      if (compare(a, b) <= 0 && compare(b, c) <= 0) t.true(compare(a, c) <= 0, `${a} ${b} ${c}`)
    }),
  )
})
