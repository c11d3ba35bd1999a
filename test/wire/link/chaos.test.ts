import test from 'ava'
import fc from 'fast-check'
import { hostileCaller, hostileServer, type Script, scripts } from '../../support/link-chaos.ts'

const PARTS: readonly (readonly [
  string,
  (script: Script, seen: Map<string, number>) => Promise<string | null>,
])[] = [
  ['a caller’s sidecar', hostileCaller],
  ['a serving sidecar', hostileServer],
]

for (const [who, play] of PARTS) {
  test(`whatever ${who} does: no byte of another exchange, no memory without bound, no crash`, async (t) => {
    const seen = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(scripts, async (script) => {
        const wrong = await play(script, seen)
        if (wrong !== null) throw new Error(wrong)
      }),
      { numRuns: 200 },
    )
    // A game that never gets anywhere proves nothing.
    t.true(seen.size > 10, JSON.stringify([...seen]))
  })
}
