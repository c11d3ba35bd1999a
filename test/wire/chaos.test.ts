import test from 'ava'
import fc from 'fast-check'
import { chaos, type Event, events, type Plan, plans } from '../support/chaos.ts'

const ALL = 1_000_000
const plain: Plan = { body: 'none' }
const send = (caller: number, bytes = ALL): Event => ({ kind: 'send', caller, bytes })
const answer = (upstream: number, bytes = ALL): Event => ({
  kind: 'answer',
  upstream,
  how: 'length',
  bytes,
})

/** What has gone wrong once, or would if one line were missing. */
const ONCE: readonly (readonly [
  what: string,
  plans: readonly Plan[][],
  events: readonly Event[],
])[] = [
  [
    'half a head stands behind a request',
    [[plain], [plain, plain], [plain]],
    [send(1, 32), { kind: 'connect' }, answer(0)],
  ],
  [
    'a slow reader had the connection before',
    [[plain], [plain], [plain]],
    [{ kind: 'stall', caller: 0 }, send(0), { kind: 'connect' }, answer(0), send(1)],
  ],
  [
    'the pool is retired while a dial is under way',
    [[plain], [plain], [plain]],
    [send(0), { kind: 'retire' }, { kind: 'connect' }, send(1)],
  ],
  [
    'an answer comes before the body is whole',
    [[{ body: 'large' }, plain], [plain], [plain]],
    [send(0, 1000), { kind: 'connect' }, answer(0), send(1)],
  ],
]

for (const [what, all, script] of ONCE) {
  test(`no side waits for ever when ${what}`, async (t) => t.is(await chaos(all, script), null))
}

test('whatever callers and upstreams do: own answers in order, nothing twice, no endless wait', async (t) => {
  await fc.assert(
    fc.asyncProperty(plans, events, async (all, script) => {
      const wrong = await chaos(all, script)
      if (wrong !== null) throw new Error(wrong)
    }),
    { numRuns: 150 },
  )
  t.pass()
})
