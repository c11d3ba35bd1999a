import test from 'ava'
import fc from 'fast-check'
import { jsonFlaw } from '../../src/policy/json-flaw.ts'

const TABLE: readonly (readonly [text: string, line: number, column: number])[] = [
  ['', 1, 1],
  ['\n  ', 2, 3],
  ['{"a": }', 1, 7],
  ['{"a": 1,}', 1, 9],
  ['{"a" 1}', 1, 6],
  ['{"a": 1 "b": 2}', 1, 9],
  ["{'a': 1}", 1, 2],
  ['[1, 2\n, 3,\n]', 3, 1],
  ['[1, [2, {"a": [x]}]]', 1, 16],
  ['{"a": "b\n"}', 1, 7],
  ['{"a": 1} x', 1, 10],
  ['{"a": {}', 1, 9],
  ['// no\n{}', 1, 1],
  ['\ufeff{}', 1, 1],
  ['01', 1, 2],
]

for (const [text, line, column] of TABLE) {
  test(`finds the flaw of ${JSON.stringify(text)}`, (t) => {
    t.throws(() => JSON.parse(text), { instanceOf: SyntaxError })
    t.deepEqual(jsonFlaw(text), { line, column })
  })
}

test('no flaw is found within a text that JSON.parse accepts', (t) => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom('', ' ', '\n'), (json, blank) => {
      const text = blank + json + blank
      const lines = text.split('\n')
      t.deepEqual(jsonFlaw(text), { line: lines.length, column: lines.at(-1)!.length + 1 })
    }),
  )
})

test('a deep text does not exhaust the stack', (t) => {
  t.deepEqual(jsonFlaw('['.repeat(200_000)), { line: 1, column: 200_001 })
})
