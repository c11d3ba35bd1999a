import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { type Attack, applies } from '../../src/probe/attack.ts'
import { ATTACKS } from '../../src/probe/attacks.ts'
import type { Context } from '../../src/probe/context.ts'
import { foreignRoot, forged, moduleUri } from '../../src/probe/forge.ts'
import { type Credulous, credulous } from './targets/credulous.ts'

let target: Credulous
let context: Omit<Context, 'role'>

test.before(async () => {
  const issuer = await foreignRoot('folio.test')
  const stranger = await forged('self', { commonName: 'nobody' })
  const pair = await forged(issuer, {
    commonName: 'mod-tags-3.1.0',
    names: [moduleUri('folio.test', 'mod-tags-3.1.0')],
  })
  target = await credulous(stranger)
  const { port } = target.plain
  const [free] = await freePorts(1)
  context = {
    target: target.tls,
    ordinaryPath: '/users',
    closedPath: '/notes',
    timerPath: '/users/expire/timer',
    expect: 'mod-users',
    trust: issuer.certificate.toString(),
    trustDomain: 'folio.test',
    stolenId: 'okapi-7.2.0',
    accepted: { id: 'mod-tags-3.1.0', ...pair },
    credentials: { id: 'mod-tags-3.1.0', ...pair },
    authority: { issuer, revokedSerial: Buffer.from([1]) },
    mismatch: { path: '/notes', pair },
    colludingModule: { endpoint: target.plain, path: '/tags' },
    impostor: {
      listen: { host: '127.0.0.1', port: free! },
      endpoint: target.plain,
      path: `/handed-on/${free}`,
    },
    harvested: { user: 'a.b.c', module: 'a.b.d', old: 'a.b.e' },
    tenant: 'diku',
    writeTenant: 'diku',
    ports: { module: [port], egress: port, plain: port, admin: port, status: port },
    // An attack that waits for its limit although it has heard what it looked for would hang here.
    timeoutMs: 600_000,
    stallMs: 1000,
    signal: new AbortController().signal,
  }
})
test.after.always(() => target?.close())

// Many at once, never all of them: none is to starve on a busy machine.
const AT_ONCE = 8
const waiting: (() => void)[] = []
let running = 0

async function inTurn<T>(run: () => Promise<T>): Promise<T> {
  if (running === AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    return await run()
  } finally {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
}

const at = (attack: Attack): Context => ({ ...context, role: attack.against ?? 'module' })

// Those on a database: test/probe/database.test.ts, at a real one.
for (const attack of ATTACKS.filter(({ group }) => group !== 'database' && group !== 'kafka')) {
  test(`${attack.id} gets through where everything is believed`, async (t) => {
    t.true(applies(attack, at(attack)))
    const { outcome, because, evidence } = await inTurn(() => attack.run(at(attack)))
    t.is(outcome, 'got-through', `${because}\n${evidence.received}`)
  })
}

test('ids are unique, texts are sentences, titles fit a table', (t) => {
  t.is(new Set(ATTACKS.map(({ id }) => id)).size, ATTACKS.length)
  for (const { id, title, meaning, judged, remedy } of ATTACKS) {
    t.regex(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/)
    t.true(title.length <= 39, title)
    for (const text of [meaning, judged, remedy]) t.regex(text, /^\S.*[.:]$/, `${id}: ${text}`)
  }
})
