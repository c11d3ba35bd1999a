import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { DATABASE_ATTACKS } from '../../src/probe/attacks/database.ts'
import { attackById } from '../../src/probe/attacks.ts'
import { control } from '../../src/probe/control.ts'
import type { DialTarget } from '../../src/probe/dial.ts'
import { prepareDatabase } from '../../src/probe/prepare-backend.ts'
import {
  type Cluster,
  DatabaseSidecar,
  type Ending,
  sharedCluster,
  withPostgres,
} from '../support/postgres.ts'
import { authentication } from '../support/postgres-packets.ts'
import { MAIN } from '../support/program.ts'
import { runTool } from '../support/scenario/tools.ts'

const shared = sharedCluster()
const ROLE = 'diku_mod_users'

/** pg_hba.conf as FOLIO's installations have it, and the password that RMB gives. */
async function asFolioHasIt(): Promise<Cluster> {
  const cluster = await shared()
  await cluster.hba(['local all postgres trust', 'host all all 127.0.0.1/32 scram-sha-256'])
  await cluster.asBoss("ALTER ROLE diku_mod_login PASSWORD 'diku'")
  return cluster
}

const at = (port: number): DialTarget => ({ host: '127.0.0.1', port, tls: false })

async function outcomes(port: number, server: number) {
  const given = { endpoint: at(port), server: at(server), tenant: 'diku', database: 'folio' }
  const { context } = await prepareDatabase(
    // The statement that waits to be cancelled runs for 0.6 of it.
    { ...given, role: ROLE, timeoutMs: 10_000 },
    new AbortController().signal,
  )
  const found = await Promise.all(
    DATABASE_ATTACKS.map(async (attack) => [attack.id, await attack.run(context)] as const),
  )
  return { control: await control(context), found: Object.fromEntries(found) }
}

/** A server of before CVE-2021-23222: it reads on behind its answer to an SSLRequest. */
async function oldServer(t: Ending): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.write(Buffer.concat([Buffer.from('N'), authentication(10)])))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

withPostgres('at a PostgreSQL as FOLIO has it the attacks get through', async (t) => {
  const { port } = await asFolioHasIt()
  const { control: ordinary, found } = await outcomes(port, port)
  t.like(ordinary, { as: ROLE, let: true })
  for (const { id } of DATABASE_ATTACKS) {
    // PostgreSQL itself refuses these bytes since 14.1.
    const expected = id === 'database-injected' ? 'blocked' : 'got-through'
    t.is(
      found[id]?.outcome,
      expected,
      `${id}: ${found[id]?.because}\n${found[id]?.evidence.received}`,
    )
  }
})

test('a start-up behind an SSLRequest gets through at a server that reads on', async (t) => {
  const port = await oldServer(t)
  const { found } = await outcomes(port, port)
  t.is(found['database-injected']?.outcome, 'got-through')
})

withPostgres('through a sidecar every attack is blocked, with its reason', async (t) => {
  const cluster = await asFolioHasIt()
  const sidecar = await DatabaseSidecar.start(t, cluster)
  const { control: ordinary, found } = await outcomes(sidecar.port, cluster.port)
  t.like(ordinary, { as: ROLE, let: true })
  const reasons = {
    'database-options': 'parameter-not-allowed',
    'database-other-database': 'database-not-allowed',
    'database-other-role': 'role-not-allowed',
    'database-replication': 'parameter-not-allowed',
    'database-superuser': 'role-not-allowed',
    'database-tenant-password': 'role-not-allowed',
    'database-injected': 'malformed-request',
    'database-cancel': null,
  }
  for (const [id, reason] of Object.entries(reasons)) {
    t.like(found[id], { outcome: 'blocked', reason }, `${id}: ${found[id]?.because}`)
  }
  t.is(found['database-cancel']?.because, 'the statement ran to its end')
  // The sidecar cannot close the server's own port: pg_hba.conf does.
  t.is(found['database-server-plain']?.outcome, 'got-through')
  await cluster.hba([
    'local all postgres trust',
    'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
  ])
  const after = await outcomes(sidecar.port, cluster.port)
  t.true(after.control.let)
  for (const { id } of DATABASE_ATTACKS) {
    t.is(after.found[id]?.outcome, 'blocked', `${id}: ${after.found[id]?.because}`)
  }
})

withPostgres(
  'the tenant as password gets in by md5 and in clear text too, and is not shown',
  async (t) => {
    const cluster = await asFolioHasIt()
    await cluster.asBoss(
      "SET password_encryption = 'md5'; ALTER ROLE diku_mod_login PASSWORD 'diku'",
    )
    const attack = attackById('database-tenant-password')
    for (const method of ['md5', 'password']) {
      await cluster.hba(['local all postgres trust', `host all all 127.0.0.1/32 ${method}`])
      const { context } = await prepareDatabase(
        { endpoint: at(cluster.port), tenant: 'diku', database: 'folio', timeoutMs: 60_000 },
        new AbortController().signal,
      )
      const { outcome, because, evidence } = await attack.run(context)
      t.is(outcome, 'got-through', `${method}: ${because}`)
      t.regex(evidence.sent, /\[proof of the password\]$/)
      const other = await attack.run({ ...context, tenant: 'another' })
      t.is(other.outcome, 'blocked')
      t.regex(other.because, /the server refused with 28P01/)
    }
  },
)

withPostgres(
  'a sidecar that only reports lets other roles through, and that is seen',
  async (t) => {
    const cluster = await asFolioHasIt()
    const sidecar = await DatabaseSidecar.start(t, cluster, { mode: 'report' })
    const { found } = await outcomes(sidecar.port, cluster.port)
    for (const id of ['database-other-role', 'database-superuser', 'database-tenant-password']) {
      t.is(found[id]?.outcome, 'got-through', `${id}: ${found[id]?.because}`)
    }
  },
)

withPostgres('the program tries and reports them, and its exit code is the verdict', async (t) => {
  const cluster = await asFolioHasIt()
  const sidecar = await DatabaseSidecar.start(t, cluster)
  const probe = (port: number, ...more: readonly string[]) =>
    runTool(process.execPath, [
      ...[MAIN, 'probe', '--postgres', `127.0.0.1:${port}`, '--role', ROLE, '--deadline', '5m'],
      ...more,
    ])
  const directory = mkdtempSync(join(tmpdir(), 'pg-probe-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = (name: string) => join(directory, name)
  const read = (name: string) => readFileSync(file(name), 'utf8')
  const reports = ['--junit', file('xml'), '--sarif', file('sarif'), '--report', file('html')]
  const bare = await probe(cluster.port, ...reports, '--only', 'database-superuser')
  t.is(bare.code, 1, bare.err)
  t.regex(read('xml'), /<failure message="the server asks for a SCRAM password"/)
  t.like(JSON.parse(read('sarif')).runs[0].results[0], {
    ruleId: 'database-superuser',
    kind: 'fail',
  })
  t.regex(read('html'), /<b class="got-through">got through<\/b> <span>a login as superuser</)
  t.notRegex(read('html'), /The handshake/)
  t.regex(bare.out, /the database +0 blocked, 1 got through/)
  const good = await probe(sidecar.port, '--json')
  t.is(good.code, 0, good.out)
  const { attacks, notTried, target } = JSON.parse(good.out)
  t.is(target, `postgres://127.0.0.1:${sidecar.port}`)
  t.is(attacks.length + notTried.length, DATABASE_ATTACKS.length)
  t.deepEqual(
    [...new Set(notTried.map(({ why }: { why: string }) => why))],
    ['needs --postgres-server'],
  )
  const wrong = await probe(sidecar.port, 'https://mod-users:8443')
  t.is(wrong.code, 2)
  t.regex(wrong.err, /probe takes one TARGET/)
})
