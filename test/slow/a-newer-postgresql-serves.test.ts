import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import { type NewerPostgres, newerPostgres } from '../support/newer-postgres.ts'
import { until } from '../support/patience.ts'
import {
  Cluster,
  DatabaseSidecar,
  type Ending,
  PASSWORD,
  POSTGRES_BIN,
  runPostgres,
  withPostgres,
} from '../support/postgres.ts'
import { cancelPacket, startupPacket } from '../support/postgres-packets.ts'
import { metricsOf } from '../support/scenario/metrics.ts'
import { typed } from '../support/typed.ts'

// What Debian's PostgreSQL 15 does not have: roles that CREATEROLE does not reach, direct TLS, protocol 3.2.

const closing: (() => unknown)[] = []
const end: Ending = { teardown: (close) => closing.push(close) }
test.after.always(async () => {
  for (const close of closing.reverse()) await close()
})
let newer: Promise<(NewerPostgres & { cluster: Cluster }) | { missing: string }> | undefined

async function start() {
  const found = await newerPostgres(end)
  if ('missing' in found) console.log(`skipped: ${found.missing}`)
  return 'missing' in found
    ? found
    : { ...found, cluster: await Cluster.start(end, found.programs) }
}

/** A test that is given PostgreSQL 18, or skipped; the line that says so comes once. */
function with18(
  title: string,
  run: (t: ExecutionContext, place: Cluster, libraries: string) => Promise<void>,
): void {
  withPostgres(title, async (t) => {
    t.timeout(240_000)
    newer ??= start()
    const found = await newer
    if ('missing' in found) t.pass()
    else await run(t, found.cluster, found.libraries)
  })
}

function descriptors(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pg-descriptors-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  for (const id of ['mod-notes-8.1.0', 'mod-users-19.7.0']) {
    const descriptor = { id, launchDescriptor: { env: [{ name: 'DB_HOST' }] } }
    writeFileSync(join(directory, `${id}.json`), JSON.stringify(descriptor), { mode: 0o644 })
  }
  return directory
}

with18('the roles of sql make tenants, and reach no other module’s roles', async (t, place) => {
  const { stdout: sql } = await typed(['postgres', 'sql', '--descriptors', descriptors(t)])
  t.notRegex(sql, /as good as a superuser/)
  const at = ['-h', place.directory, '-p', String(place.port), '-U', 'postgres', '-d', 'postgres']
  for (const _ of [1, 2]) {
    const ran = await runPostgres('psql', ['-X', '-v', 'ON_ERROR_STOP=1', ...at], { input: sql })
    t.is(ran.code, 0, ran.err)
  }
  await place.asBoss(`ALTER ROLE mod_users PASSWORD '${PASSWORD}'`)
  await place.asBoss(`ALTER ROLE mod_notes PASSWORD '${PASSWORD}'`)
  const roles = ['mod_users', 'mod_notes', '{tenant}_mod_users', '{tenant}_mod_notes']
  const sidecar = await DatabaseSidecar.start(t, place, { roles })
  for (const module of ['mod_users', 'mod_notes']) {
    // As raml-module-builder does (templates/db_scripts/create.ftl).
    const create = `
      CREATE ROLE anew_${module} PASSWORD '${PASSWORD}' NOSUPERUSER NOCREATEDB INHERIT LOGIN;
      GRANT anew_${module} TO CURRENT_USER;
      CREATE SCHEMA anew_${module} AUTHORIZATION anew_${module};
      CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
      CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;`
    const created = await sidecar.psql(module, '', { input: create })
    t.is(created.code, 0, created.err)
    const table = `CREATE TABLE anew_${module}.t (x text)`
    t.is((await sidecar.psql(`anew_${module}`, table)).code, 0)
    const shared = `SET ROLE 'anew_${module}'; SET SCHEMA 'anew_${module}'; SELECT count(*) FROM t`
    t.regex((await sidecar.psql(module, shared)).out, /^0$/m)
  }
  for (const reach of [
    "ALTER ROLE mod_notes PASSWORD 'mine'",
    "ALTER ROLE anew_mod_notes PASSWORD 'mine'",
    'GRANT mod_notes TO mod_users',
    'GRANT anew_mod_notes TO mod_users',
    'SET ROLE anew_mod_notes',
    'GRANT pg_execute_server_program TO mod_users',
    'ALTER ROLE mod_users SUPERUSER',
  ]) {
    const { code, err } = await sidecar.psql('mod_users', reach)
    t.is(code, 1, reach)
    t.regex(err, /permission denied/, reach)
  }
})

with18('the lines of hba bind the roles of every tenant to the certificate', async (t, place) => {
  const argv = ['--descriptors', descriptors(t), '--network', '127.0.0.0/8', '--database', 'other']
  const { stdout } = await typed(['postgres', 'hba', ...argv])
  const [hba = '', ident = ''] = stdout.split('\n# pg_ident.conf')
  appendFileSync(join(place.directory, 'data/pg_ident.conf'), `# pg_ident.conf${ident}`)
  await place.hba([
    'local all postgres trust',
    hba,
    'hostssl all diku_mod_tags 127.0.0.1/32 cert map=modules',
    'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
  ])
  const wrong = 'SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL'
  t.is((await place.asBoss(wrong)).out, '0\n')
  const sidecar = await DatabaseSidecar.start(t, place, {
    databases: ['other'],
    roles: ['diku_mod_users', 'diku_mod_login'],
    authentication: ['cert'],
  })
  const login = (role: string) =>
    sidecar.psql(role, 'SELECT 1', { place: sidecar.place(role, 'other') })
  t.is((await login('diku_mod_users')).out, '1\n')
  t.regex((await login('diku_mod_login')).err, /certificate authentication failed/)
})

with18('sslNegotiation: direct speaks TLS from the first byte', async (t, place) => {
  const sidecar = await DatabaseSidecar.start(t, place, { sslNegotiation: 'direct' })
  const sql = 'SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
  const { out, err } = await sidecar.psql('folio_users', sql)
  t.is(out, 't|TLSv1.3\n', err)
})

with18(
  'a session of protocol 3.2 has a long key, and is cancelled by it alone',
  async (t, place) => {
    const more = { roles: ['diku_mod_tags'], authentication: ['cert'] }
    const sidecar = await DatabaseSidecar.start(t, place, more)
    const socket = connect(sidecar.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.on('error', () => socket.destroy())
    let said = Buffer.alloc(0)
    socket.on('data', (part) => {
      said = Buffer.concat([said, part])
    })
    socket.write(startupPacket({ user: 'diku_mod_tags', database: 'folio' }, 3, 2))
    await until(() => said.indexOf('Z\0\0\0\x05I') !== -1)
    const at = said.indexOf('K\0\0\0')
    const length = said.readInt32BE(at + 1)
    t.is(length, 4 + 4 + 32)
    const [pid, key] = [
      said.readInt32BE(at + 5),
      Buffer.from(said.subarray(at + 9, at + 1 + length)),
    ]
    socket.write(Buffer.from('Q\0\0\0\x19SELECT pg_sleep(600)\0'))
    const running =
      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND usename = 'diku_mod_tags'"
    await until(async () => (await place.asBoss(running)).out === '1\n')
    const cancel = async (packet: Buffer) => {
      const other = connect(sidecar.port, '127.0.0.1')
      const closed = once(other, 'close')
      other.end(packet)
      other.resume()
      await closed
    }
    // As long as the server's, but for its last byte; and the four bytes of older versions.
    await cancel(
      cancelPacket(pid, Buffer.concat([key.subarray(0, -1), Buffer.from([key.at(-1)! ^ 1])])),
    )
    await cancel(cancelPacket(pid, key.subarray(0, 4)))
    const counted = 'sidecar_refusals_total{direction="postgres",reason="unknown-session"} 2\n'
    await until(async () => (await metricsOf(sidecar.process)).includes(counted))
    t.is((await place.asBoss(running)).out, '1\n')
    await cancel(cancelPacket(pid, key))
    await until(() => said.includes('canceling statement due to user request'))
  },
)

with18('psql with libpq 18: protocol 3.2, and Ctrl-C', async (t, place, libraries) => {
  const sidecar = await DatabaseSidecar.start(t, place)
  const where = `${sidecar.place('folio_users')} max_protocol_version=latest`
  const env = { LD_LIBRARY_PATH: libraries, PGPASSWORD: PASSWORD }
  const { out, err } = await sidecar.psql('', 'SELECT 1', { place: where, env })
  t.is(out, '1\n', err)
  const args = ['-X', '-d', where, '-c', 'SELECT pg_sleep(601)']
  const child = spawn(`${POSTGRES_BIN}/psql`, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const [words, closed] = [text(child.stderr), once(child, 'close')]
  const running =
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(601)%' AND usename = 'folio_users'"
  await until(async () => (await place.asBoss(running)).out === '1\n')
  child.kill('SIGINT')
  await closed
  t.regex(await words, /canceling statement due to user request/)
})
