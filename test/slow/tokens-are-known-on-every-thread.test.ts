import test from 'ava'
import { metricsOf } from '../support/scenario/metrics.ts'
import { ask, get, ID, Installation, token, verdictOf } from '../support/scenario.ts'
import { factsOf, served } from '../support/workers.ts'

// Okapi's sidecar has two threads. A token that goes to a module through one may come back by the other at once, on
// a connection of its own.

const T = 'X-Okapi-Tenant: diku'
const TOKENS = 200

let installation: Installation

test.before(async () => {
  const policy = { tokens: 'enforce', tokenGraceMs: 0 }
  const more = { [ID.okapi]: { workers: 2, policy } }
  installation = await Installation.open({ processes: true, modules: [ID.notes, ID.tags], more })
})
test.after.always(() => installation?.close())

const tokens = Array.from({ length: TOKENS }, (_, i) =>
  token({ user_id: `user-${i}`, tenant: 'diku' }),
)

async function counted(verdicts: readonly Promise<string>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const verdict of await Promise.all(verdicts)) counts[verdict] = (counts[verdict] ?? 0) + 1
  return counts
}

test.serial('what one thread has sent on, both know, and only for that module', async (t) => {
  const notes = await installation.ingress(ID.okapi, ID.notes)
  const tags = await installation.ingress(ID.okapi, ID.tags)
  const line = (its: string) => `X-Okapi-Token: ${its}`
  for (let from = 0; from < TOKENS; from += 20) {
    const some = tokens.slice(from, from + 20)
    const there = some.map(async (its) => {
      const told = await ask(installation.modules, get(`/${ID.notes}/notes`, T, line(its)))
      return `${verdictOf(told)}, ${verdictOf(await ask(notes, get('/users/1', T, line(its))))}`
    })
    t.deepEqual(await counted(there), { '200, 200': 20 })
  }
  const elsewhere = tokens
    .slice(0, 40)
    .map(async (its) => verdictOf(await ask(tags, get('/tags', T, line(its)))))
  t.deepEqual(await counted(elsewhere), { '403 token-not-seen-here': 40 })
  const each = await served(installation.sidecar(ID.okapi))
  t.true(each.length === 2 && each.every((count) => count > 20), `both threads took part: ${each}`)
})

test.serial('metrics and status page tell of all threads together', async (t) => {
  const page = await metricsOf(installation.sidecar(ID.okapi))
  t.regex(page, new RegExp(`^sidecar_tokens_remembered ${TOKENS}$`, 'm'))
  t.regex(page, /^sidecar_tokens_unknown_total 40$/m)
  t.regex(page, /^sidecar_tokens_forgotten_total 0$/m)
  t.notRegex(page, /^sidecar_tokens_grace_until_timestamp_seconds \d/m)
  const { tokens: memory } = await factsOf(installation.sidecar(ID.okapi))
  t.like(memory, {
    mode: 'enforce',
    graceUntilMs: null,
    modules: 1,
    tokens: TOKENS,
    unknown: 40,
    forgotten: 0,
  })
  t.deepEqual(memory?.fullest, [{ name: ID.notes, tokens: TOKENS }])
})
