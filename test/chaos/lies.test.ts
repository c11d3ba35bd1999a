import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { drawUp } from '../../chaos/account.ts'
import { accepts } from '../../chaos/asking.ts'
import { readLedger } from '../../chaos/ledger.ts'
import { Load, type Told } from '../../chaos/load.ts'
import { LIES, type Lie } from '../../chaos/options.ts'
import { Program } from '../../chaos/program.ts'
import { Random } from '../../chaos/random.ts'
import { freePorts } from '../../src/demo/child.ts'
import { until } from '../support/patience.ts'

// That the account of `npm run chaos` comes out must mean something: an instance that lies about every
// tenth call is found. No sidecar stands between, so what it would refuse is answered.

const INSTANCE = new URL('../../chaos/instance.ts', import.meta.url).pathname
const CALLS = 150

/** What the account finds when calls go to an instance that lies in this way. */
async function findings(t: ExecutionContext, lie: Lie | undefined): Promise<Set<string>> {
  const directory = mkdtempSync(join(tmpdir(), 'chaos-lies-'))
  const [port] = await freePorts(1)
  const ledger = join(directory, 'ledger.jsonl')
  const instance = new Program({
    name: 'the instance',
    args: [INSTANCE, JSON.stringify({ port, ledger, lie })],
    log: join(directory, 'log'),
    ready: () => accepts(port!),
  })
  t.teardown(async () => {
    await instance.kill()
    rmSync(directory, { recursive: true })
  })
  await instance.start()
  const told: Told[] = []
  const plan = { port: port!, rate: 200, idleMs: 4000, tokens: { of: () => undefined } }
  const load = new Load(plan, new Random(1), told)
  load.start()
  await until(() => told.length >= CALLS)
  await load.stop()
  const account = drawUp(told, [readLedger(ledger)], [])
  const kinds = new Map(told.map(({ call }) => [call.id, call.kind]))
  const found = account.findings.filter(({ id }) => !kinds.get(id)?.startsWith('forbidden'))
  t.true(found.every(({ id, timeline }) => timeline.some((line) => line.includes(id))))
  return new Set(found.map(({ why }) => why.replace(/:.*/, '')))
}

test('of an instance that does not lie every call is in order', async (t) => {
  t.deepEqual([...(await findings(t, undefined))], [])
})

const FOUND: Readonly<Record<Lie, readonly string[]>> = {
  // Some other call's answer.
  swap: ['not its answer'],
  // Nothing is written down.
  lose: ['answered by no instance'],
  // Everything is written down twice, as if it had come twice.
  twice: ['acted on twice', 'delivered twice'],
}

for (const lie of LIES) {
  test(`an instance that lies is found: ${lie}`, async (t) => {
    t.deepEqual([...(await findings(t, lie))].sort(), FOUND[lie])
  })
}
