import test from 'ava'
import fc from 'fast-check'
import { parsePathPattern } from '../../src/folio/path-pattern.ts'
import { type PatternPart, STAR, simulate } from '../../src/folio/pattern-states.ts'
import { StarTails, unitsOfTail } from '../../src/folio/star-tails.ts'

const meter = { visited: 0 }

/** What stands from the first `*` on. */
function tail(text: string): readonly PatternPart[] {
  const pattern = parsePathPattern(text.replace(/\*+/g, '*'))
  if (typeof pattern === 'string') throw new Error(pattern)
  return pattern.parts
}

/** RoutingEntry.fastMatch's meaning, said with a regular expression: in a test that is fine. */
function reference(pattern: string, path: string): boolean {
  const source = pattern
    .replace(/[/a-c]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
    .replace(/\{[^}]*\}/g, '[^/]+(?=/|$)')
    .replaceAll('*', '[^]*')
  return new RegExp(`^${source}$`).test(path)
}

function alone(pattern: string, path: string): boolean {
  const bytes = Buffer.from(path)
  return simulate(tail(pattern), bytes, 0, bytes.length, meter)
}

/** Tails and paths; those of words are long enough to cross the words of the machine. */
function some(words: readonly string[], maxLength: number) {
  const piece = fc.constantFrom('/', 'a', 'b', '{x}', '*', '/a', '/{x}', ...words)
  const text = fc.array(piece, { maxLength }).map((pieces) => `*${pieces.join('')}`)
  const part = fc.constantFrom('/', 'a', 'b', ...words)
  const path = fc.array(part, { maxLength: 9 }).map((all) => all.join(''))
  return {
    tails: fc.array(fc.tuple(text, fc.nat(6)), { minLength: 1, maxLength: 12 }),
    paths: fc.array(path, { minLength: 1, maxLength: 3 }),
  }
}

for (const [what, { tails: someTails, paths: somePaths }, says] of [
  ['a regular expression', some([], 6), reference],
  ['each by itself', some(['ab', 'a'.repeat(31), 'a'.repeat(33)], 9), alone],
] as const) {
  test(`all tails together match what ${what} says`, (t) => {
    let matched = 0
    fc.assert(
      fc.property(someTails, somePaths, (tails, paths) => {
        const machine = new StarTails(tails.map(([text]) => tail(text)))
        // One machine for one path after the other: nothing of the one before is left.
        for (const path of paths) {
          const bytes = Buffer.from(path)
          const starts = tails.map(([, at]) => Math.min(at, bytes.length))
          const begun = starts.map((_, i) => i).filter((i) => i % 3 !== 1)
          for (const i of begun) machine.begin(i, starts[i]!)
          const found: number[] = []
          machine.run(bytes, bytes.length, meter, (i) => found.push(i))
          t.false(machine.begun)
          const expected = begun.filter((i) => says(tails[i]![0], path.slice(starts[i])))
          t.deepEqual(found, expected, JSON.stringify([tails, path]))
          matched += found.length
        }
      }),
      { numRuns: 2000 },
    )
    t.true(matched > 1000, `only ${matched} of the generated pairs matched`)
  })
}

test('the time for a byte is that of the words of the tails that have begun', (t) => {
  const long = tail(`*${'a'.repeat(100)}*${'b'.repeat(100)}`)
  const machine = new StarTails(Array(50).fill(long))
  const bytes = Buffer.alloc(1000, 'a')
  for (const [begun, most] of [
    [[0], 8],
    [[49], 8],
    [[3, 4, 5], 21],
  ] as const) {
    const counting = { visited: 0 }
    for (const i of begun) machine.begin(i, 0)
    machine.run(bytes, bytes.length, counting, () => t.fail())
    t.true(counting.visited <= bytes.length * most, `${counting.visited}`)
  }
})

test('a tail has a place for each byte, two for each parameter, and one for its end', (t) => {
  t.is(unitsOfTail([STAR]), 2)
  t.is(unitsOfTail(tail('*/a/{x}*bc')), 10)
})
