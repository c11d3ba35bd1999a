import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { type Call, Callers, type From } from '../support/scenario/callers.ts'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { get, ID, Installation, OK, request } from '../support/scenario.ts'

// One caller opens more connections than the listener has places. Others are let in all the same,
// whether its connections are in use or idle.

const T = 'X-Okapi-Tenant: diku'
const LIMITS = { connections: 32, pendingConnections: 8, idleMs: 600_000, bodyIdleMs: 600_000 }
const MANY = 80
const UNTIL = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)}Z`
const UNFINISHED = request('POST /tags', [T, 'Content-Length: 100'])

let installation: Installation
let callers: Callers
let directory: string

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'public-'))
  const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
  const { dir } = await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })
  const more = {
    public: { listen: '0.0.0.0:0', credentials: { directory: dir } },
    migration: { listen: '0.0.0.0:0', from: ['127.0.0.0/24'], until: UNTIL, why: 'moving over' },
    limits: LIMITS,
  }
  const modules = [ID.tags, ID.notes, ID.users]
  installation = await Installation.open({ modules, more: { [ID.okapi]: more } })
  installation.okapi.reply = OK
  callers = new Callers(installation, dir)
})
test.after.always(async () => {
  await installation?.close()
  await rm(directory, { recursive: true, force: true })
})

/** One after the other; each is waited for until it is at Okapi, or answered where it is whole. */
async function open(from: From, text: string): Promise<Call[]> {
  const calls: Call[] = []
  const line = text.slice(0, text.indexOf('\r\n') + 2)
  const arrived = () => installation.okapi.bytes.split(line).length - 1
  for (let i = 0; i < MANY; i++) {
    const before = arrived()
    const call = callers.call(from, text)
    calls.push(call)
    const isThere = () => text === UNFINISHED && arrived() > before
    await until(() => call.verdict !== '' || call.gone || isThere())
  }
  return calls
}

function close(calls: readonly Call[]): void {
  for (const { socket } of calls) socket.destroy()
}

const WAYS = [
  ['public', { listener: 'public', address: '127.0.0.2' }],
  ['migration', { listener: 'plain', address: '127.0.0.2' }],
  ['ingress', { key: ID.tags }],
] as const satisfies readonly (readonly [string, From])[]

const OTHERS: Readonly<Record<(typeof WAYS)[number][0], From>> = {
  public: { listener: 'public', address: '127.0.0.77' },
  migration: { listener: 'plain', address: '127.0.0.77' },
  ingress: { key: ID.notes },
}

const NAMES = {
  public: 'public/127.0.0.2',
  migration: 'plain/127.0.0.2',
  ingress: ID.tags,
}

for (const [listener, from] of WAYS) {
  const other = OTHERS[listener]

  test.serial(
    `${listener}: a caller that holds calls open is told too-many, others are served`,
    async (t) => {
      const hits = await limitHits(installation.sidecar(ID.okapi), 'connections')
      const calls = await open(from, UNFINISHED)
      const held = calls.filter(({ verdict, gone }) => verdict === '' && !gone)
      t.deepEqual([...new Set(calls.map(({ verdict }) => verdict))].sort(), ['', '429 too-many'])
      t.is(held.length, 21)
      for (let i = 0; i < 5; i++) t.is(await callers.verdict(other, get('/users', T)), '200')
      t.true((await limitHits(installation.sidecar(ID.okapi), 'connections')) >= hits + MANY - 21)
      const port = installation.sidecar(ID.okapi).port('status')
      const { overShare } = (await (
        await fetch(`http://127.0.0.1:${port}/status.json`)
      ).json()) as {
        overShare: readonly { name: string; limit: string; times: number }[]
      }
      const who = NAMES[listener]
      t.is(overShare.find(({ name, limit }) => name === who && limit === 'connections')?.name, who)
      close(calls)
      await until(async () => (await callers.verdict(from, get('/tags', T))) === '200')
      t.pass()
    },
  )

  test.serial(`${listener}: the oldest idle connection is closed for a new one`, async (t) => {
    const calls = await open(from, get('/tags', T))
    // Each was served, because one of its own that was idle gave its place.
    t.deepEqual([...new Set(calls.map(({ verdict }) => verdict))], ['200'])
    await until(() => calls.filter(({ gone }) => !gone).length === 21)
    t.true(calls.slice(0, MANY - 21).every(({ gone }) => gone))
    t.is(await callers.verdict(other, get('/users', T)), '200')
    close(calls)
  })
}
