import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { until } from '../support/patience.ts'
import {
  DatabaseSidecar,
  PASSWORD,
  runPostgres,
  sharedCluster,
  withPostgres,
} from '../support/postgres.ts'
import { typed } from '../support/typed.ts'

const cluster = sharedCluster()

/** A folder with two modules that need a database and one that needs none. */
function descriptors(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pg-descriptors-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const env = [{ name: 'JAVA_OPTIONS' }, { name: 'DB_HOST' }, { name: 'DB_USERNAME' }]
  const all = { 'mod-notes-8.1.0': env, 'mod-users-19.7.0': env, 'mod-users-bl-8.1.0': [] }
  for (const [id, variables] of Object.entries(all)) {
    const descriptor = { id, launchDescriptor: { env: variables } }
    writeFileSync(join(directory, `${id}.json`), JSON.stringify(descriptor), { mode: 0o644 })
  }
  return directory
}

async function said(...argv: readonly string[]) {
  const { code, stdout: out, stderr: err } = await typed(['postgres', ...argv])
  return { code, out, err }
}

test('hba binds the roles of tenants by a pattern from 16 on, and by name before', async (t) => {
  const place = ['--descriptors', descriptors(t)]
  const { code, out, err } = await said('hba', ...place, '--network', '10.0.0.0/8')
  t.is(code, 0, err)
  t.regex(out, /^hostssl {2}folio {2}all {2}10\.0\.0\.0\/8 {2}cert map=folio$/m)
  t.true(
    out.includes('folio  "/^mod-users-[0-9][0-9A-Za-z.-]*$"  "/^[a-z][a-z0-9]{0,30}_mod_users$"\n'),
  )
  t.false(out.includes('mod_users_bl'))
  const old = await said('hba', ...place, '--server-version', '15', '--tenant', 'diku')
  t.true(old.out.includes('folio  "/^mod-users-[0-9][0-9A-Za-z.-]*$"  diku_mod_users\n'))
  t.false(old.out.includes('{0,30}'))
})

test('two products whose roles would be the same are refused', async (t) => {
  const directory = descriptors(t)
  const rogue = { id: 'mod_users-1.0.0', launchDescriptor: { env: [{ name: 'DB_HOST' }] } }
  writeFileSync(join(directory, 'rogue.json'), JSON.stringify(rogue), { mode: 0o644 })
  for (const verb of ['sql', 'hba']) {
    const { code, out, err } = await said(verb, '--descriptors', directory)
    t.is(code, 2)
    t.is(out, '')
    t.regex(err, /the products mod-users and mod_users have the same role mod_users\n.*hint: /)
  }
})

test('what is no folder, network, tenant or version is wrong usage', async (t) => {
  const place = ['--descriptors', descriptors(t)]
  for (const argv of [
    ['sql'],
    ['sql', '--descriptors', '/nonexistent'],
    ['sql', ...place, '--server-version', '9'],
    ['sql', ...place, '--database', "a'b"],
    ['hba', ...place, '--network', '10.0.0.0/33'],
    ['hba', ...place, '--network', 'all'],
    ['hba', ...place, '--tenant', 'A b'],
    ['unheard'],
  ]) {
    t.is((await said(...argv)).code, 2, argv.join(' '))
  }
})

withPostgres(
  'the roles of sql do all that RMB does for a tenant, through the sidecar and without a superuser',
  async (t) => {
    const place = await cluster()
    const { code, out, err } = await said(
      'sql',
      '--descriptors',
      descriptors(t),
      '--server-version',
      '15',
    )
    t.is(code, 0, err)
    t.regex(out, /CREATEROLE is as good as a superuser/)
    const at = ['-h', place.directory, '-p', String(place.port), '-U', 'postgres', '-d', 'postgres']
    // Twice: it can be run again.
    for (const _ of [1, 2]) {
      const ran = await runPostgres('psql', ['-X', ...at], { input: out })
      t.is(ran.code, 0, ran.err)
    }
    await place.asBoss(`ALTER ROLE mod_users PASSWORD '${PASSWORD}'`)
    const sidecar = await DatabaseSidecar.start(t, place, {
      roles: ['mod_users', '{tenant}_mod_users'],
    })
    // As raml-module-builder does (templates/db_scripts/create.ftl).
    const create = `
    CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
    CREATE ROLE anew_mod_users PASSWORD '${PASSWORD}' NOSUPERUSER NOCREATEDB INHERIT LOGIN;
    GRANT anew_mod_users TO CURRENT_USER;
    CREATE SCHEMA anew_mod_users AUTHORIZATION anew_mod_users;
  `
    const created = await sidecar.psql('mod_users', '', { input: create })
    t.is(created.code, 0, created.err)
    const table = await sidecar.psql('anew_mod_users', 'CREATE TABLE anew_mod_users.t (x text)')
    t.is(table.code, 0, table.err)
    const shared = "SET ROLE 'anew_mod_users'; SET SCHEMA 'anew_mod_users'; SELECT count(*) FROM t"
    t.regex((await sidecar.psql('mod_users', shared)).out, /^0$/m)
    // What the output warns of, and why: docs/database.md says it too.
    const program = 'GRANT pg_execute_server_program TO mod_users'
    const { code: granted } = await sidecar.psql('mod_users', program)
    const version = Number((await place.asBoss('SHOW server_version_num')).out)
    t.is(granted, version < 160_000 ? 0 : 1)
  },
)

withPostgres(
  'the lines of hba let a module in as its own roles only, by its certificate',
  async (t) => {
    const place = await cluster()
    const argv = ['--descriptors', descriptors(t), '--server-version', '15', '--tenant', 'diku']
    const { out } = await said('hba', ...argv, '--network', '127.0.0.0/8', '--database', 'other')
    const [hba = '', ident = ''] = out.split('\n# pg_ident.conf')
    const data = join(place.directory, 'data')
    const before = readFileSync(join(data, 'pg_hba.conf'), 'utf8')
    writeFileSync(join(data, 'pg_hba.conf'), `${hba}\n${before}`)
    appendFileSync(join(data, 'pg_ident.conf'), `# pg_ident.conf${ident}`)
    await place.asBoss('SELECT pg_reload_conf()')
    await until(
      async () =>
        (await place.asBoss('SELECT count(*) > 1 FROM pg_ident_file_mappings')).out === 't\n',
    )
    t.is(
      (await place.asBoss('SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL')).out,
      '0\n',
    )
    const sidecar = await DatabaseSidecar.start(t, place, {
      databases: ['other'],
      roles: ['diku_mod_users', 'diku_mod_login'],
      authentication: ['cert'],
    })
    const login = (role: string) =>
      sidecar.psql(role, 'SELECT 1', { place: sidecar.place(role, 'other') })
    t.is((await login('diku_mod_users')).out, '1\n')
    t.regex((await login('diku_mod_login')).err, /certificate authentication failed/)
  },
)

withPostgres('check says what each server is, and sends no password', async (t) => {
  const extensions =
    'CREATE EXTENSION IF NOT EXISTS unaccent; DROP EXTENSION IF EXISTS pg_trgm, btree_gin'
  await (await cluster()).asBoss(extensions)
  const place = await cluster()
  const sidecar = await DatabaseSidecar.start(t, place)
  const file = join(sidecar.directory, '..', 'check.json')
  const written = JSON.parse(readFileSync(join(sidecar.directory, '..', 'sidecar.json'), 'utf8'))
  const entry = written.postgres
  const checked = async (postgres: unknown) => {
    writeFileSync(file, JSON.stringify({ ...written, postgres }), { mode: 0o600 })
    const { code, out, err } = await said('check', '-c', file, '--json')
    if (out === '') throw new Error(err)
    return { code, met: JSON.parse(out) }
  }
  const password = await checked(entry)
  t.is(password.code, 0)
  t.like(password.met[0], { ok: true, tls: 'TLSv1.3', role: 'folio_users' })
  t.regex(password.met[0].login, /asks for scram-sha-256/)
  t.is(password.met[0].extensions, 'not asked: not logged in')
  const cert = await checked({ ...entry, roles: ['diku_mod_tags'], authentication: ['cert'] })
  t.regex(cert.met[0].login, /by the certificate; it is not a superuser, and cannot become one/)
  t.regex(
    cert.met[0].extensions,
    /^unaccent \d[\d.]*, pg_trgm can be created, .*btree_gin can be created$/,
  )
  t.like(cert.met[0], { databaseSessions: 512, maxConnections: 80 })
  t.is(password.met[0].maxConnections, null)
  const mine = { ...entry, roles: ['diku_mod_tags'], authentication: ['cert'] }
  const inWords = async (databaseSessions: number) => {
    const limits = { databaseSessions }
    writeFileSync(file, JSON.stringify({ ...written, limits, postgres: mine }), { mode: 0o600 })
    const { out } = await said('check', '-c', file)
    return /^sessions +(.*)$/m.exec(out)?.[1]
  }
  t.is(
    await inWords(80),
    'at most 80 by this sidecar (limits.databaseSessions), 80 at the server (max_connections), for all its clients: LOWER THE LIMIT',
  )
  t.regex(String(await inWords(20)), /^at most 20 .* for all its clients$/)
  for (const [role, by] of [
    ['boss', 'GRANT boss TO diku_mod_login; GRANT diku_mod_login TO diku_mod_tags'],
    ['pg_execute_server_program', 'GRANT pg_execute_server_program TO diku_mod_tags'],
    ['pg_read_all_data', 'GRANT pg_read_all_data TO diku_mod_tags'],
  ] as const) {
    await place.asBoss(by)
    const member = await checked(mine)
    t.is(member.code, 1)
    t.regex(member.met[0].login, new RegExp(`"diku_mod_tags" may become "${role}" \\(SET ROLE\\)`))
    t.is((await checked({ ...mine, superuser: 'report' })).code, 0)
    await place.asBoss(
      'REVOKE diku_mod_login, pg_execute_server_program, pg_read_all_data FROM diku_mod_tags',
    )
  }
  await place.asBoss('REVOKE boss FROM diku_mod_login')
  t.is((await checked(mine)).code, 0)
  const strict = await checked({ ...entry, roles: ['diku_mod_tags'] })
  t.is(strict.code, 1)
  t.regex(strict.met[0].login, /authentication-not-allowed/)
  const name = await checked([entry, { ...entry, serverName: 'db.example.org' }])
  t.is(name.code, 1)
  t.deepEqual(
    name.met.map(({ ok }: { ok: boolean }) => ok),
    [true, false],
  )
})

withPostgres('the page’s query shows which login role may become which', async (t) => {
  const place = await cluster()
  await place.asBoss(`CREATE ROLE shared_login LOGIN; CREATE ROLE of_a_group;
    GRANT diku_mod_login TO of_a_group; GRANT of_a_group, folio_users TO shared_login; GRANT of_a_group TO boss`)
  const page = readFileSync(new URL('../../docs/database.md', import.meta.url), 'utf8')
  const [, query = ''] = /psql -d folio -c "(SELECT a\.rolname[^"]+)"/.exec(page) ?? []
  const { out, err } = await place.asBoss(query)
  const rows = out
    .split('\n')
    .filter((row) => row.startsWith('shared_login') || row.startsWith('boss'))
  t.is(rows.length, 1, err)
  const [, roles = ''] = rows[0]?.split('|') ?? []
  t.deepEqual(roles.split(', ').toSorted(), ['diku_mod_login', 'folio_users'])
})
