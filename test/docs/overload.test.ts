import { readFileSync } from 'node:fs'
import test from 'ava'
import { REASONS, type ReasonEntry } from '../../src/refusal/reasons.ts'

test('docs/overload.md has the reasons with Retry-After that the code has', (t) => {
  const text = readFileSync(new URL('../../docs/overload.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \| (\d+) to (\d+) \|$/gm)]
  const told = rows.map(([, reason, least, most]) => [reason, [Number(least), Number(most)]])
  const entries: [string, ReasonEntry][] = Object.entries(REASONS)
  const said = entries.flatMap(([reason, { retryAfter }]) =>
    retryAfter === undefined ? [] : [[reason, [...retryAfter]]],
  )
  t.deepEqual(told, said)
})
