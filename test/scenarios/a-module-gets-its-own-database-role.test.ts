import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import test from 'ava'
import { message } from '../../src/postgres/protocol.ts'
import { until } from '../support/patience.ts'
import { makeCa } from '../support/pki.ts'
import {
  type Cluster,
  DatabaseSidecar,
  POSTGRES_BIN,
  sharedCluster,
  withPostgres,
} from '../support/postgres.ts'
import {
  cancelPacket,
  errorFields,
  GSSENC_REQUEST,
  SSL_REQUEST,
  startupPacket,
} from '../support/postgres-packets.ts'
import { metricsOf } from '../support/scenario/metrics.ts'

const cluster = sharedCluster()

/** Sends bytes, each as a packet of its own, and gathers what comes until the other side ends. */
async function say(port: number, ...packets: readonly Buffer[]): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const parts: Buffer[] = []
  socket.on('data', (part) => parts.push(part))
  socket.on('error', () => socket.destroy())
  const closed = once(socket, 'close')
  for (const packet of packets) {
    const before = parts.length
    socket.write(packet)
    if (packet !== packets.at(-1)) await until(() => parts.length > before || socket.destroyed)
  }
  await closed
  return Buffer.concat(parts)
}

withPostgres(
  'a module logs in as its own roles, with TLS and its certificate to the server',
  async (t) => {
    const sidecar = await DatabaseSidecar.start(t, await cluster())
    for (const role of ['folio_users', 'diku_mod_users']) {
      const sql =
        'SELECT current_user, version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
      const { out, err, code } = await sidecar.psql(role, sql)
      t.is(code, 0, err)
      t.is(out, `${role}|TLSv1.3|/CN=mod-users-19.7.0\n`)
    }
    const [line] = await sidecar.process.say(({ msg }) => msg === 'database session ended')
    t.like(line, {
      direction: 'postgres',
      role: 'folio_users',
      database: 'folio',
      application: 'psql',
    })
  },
)

withPostgres('libpq with sslmode=prefer and gssencmode=prefer comes in as well', async (t) => {
  const sidecar = await DatabaseSidecar.start(t, await cluster())
  for (const more of ['sslmode=prefer', 'sslmode=disable', 'sslmode=prefer gssencmode=prefer']) {
    const place = `${sidecar.place('folio_users')} ${more}`
    t.is((await sidecar.psql('', 'SELECT 1', { place })).out, '1\n', more)
  }
  const { err } = await sidecar.psql('', 'SELECT 1', {
    place: `${sidecar.place('folio_users')} sslmode=require`,
  })
  t.regex(err, /server does not support SSL/)
})

withPostgres('every other role, database and parameter is refused with a sentence', async (t) => {
  const sidecar = await DatabaseSidecar.start(t, await cluster())
  const cases = [
    [
      sidecar.place('diku_mod_login'),
      {},
      /diku_mod_login.*is not one of.*\(okapi-sidecar: role-not-allowed\)\nHINT: /,
    ],
    [sidecar.place('postgres'), {}, /role-not-allowed/],
    [sidecar.place('boss'), {}, /role-not-allowed/],
    [sidecar.place('diku_mod_users_bl'), {}, /role-not-allowed/],
    [
      sidecar.place('folio_users', 'other'),
      {},
      /"other" is not one of folio \(okapi-sidecar: database-not-allowed\)/,
    ],
    [
      `${sidecar.place('folio_users')} replication=database`,
      {},
      /"replication".*parameter-not-allowed/,
    ],
    [
      sidecar.place('folio_users'),
      { PGOPTIONS: '-c role=boss' },
      /"options".*parameter-not-allowed/,
    ],
  ] as const
  for (const [place, env, expected] of cases) {
    const { code, err } = await sidecar.psql('', 'SELECT 1', { place, env })
    t.is(code, 2)
    t.regex(err, expected)
  }
  const metrics = await metricsOf(sidecar.process)
  t.regex(metrics, /sidecar_refusals_total\{direction="postgres",reason="role-not-allowed"\} 4\n/)
  const status = await fetch(`http://127.0.0.1:${sidecar.process.port('status')}/status.json`)
  const { refusals } = (await status.json()) as { refusals: unknown[] }
  t.is(refusals.length, cases.length)
  t.like(refusals.at(-1), {
    direction: 'postgres',
    caller: 'mod-users-19.7.0',
    reason: 'role-not-allowed',
  })
  const [line] = await sidecar.process.say(({ msg }) => msg === 'database session refused')
  t.like(line, { reason: 'role-not-allowed', role: 'diku_mod_login', database: 'folio' })
})

withPostgres(
  'a superuser is refused before its first query reaches the server, whatever its name',
  async (t) => {
    const place = await cluster()
    const sidecar = await DatabaseSidecar.start(t, place)
    const { code, err } = await sidecar.psql('proud_mod_users', 'CREATE TABLE reached ()')
    t.is(code, 2)
    t.regex(err, /"proud_mod_users" is a superuser \(okapi-sidecar: superuser\)/)
    t.is((await place.asBoss("SELECT count(*) FROM pg_class WHERE relname = 'reached'")).out, '0\n')
  },
)

withPostgres('a role that may become a superuser is refused, whatever it was to say', async (t) => {
  const place = await cluster()
  // Operators and a search_path of the role's own must not answer for PostgreSQL's.
  await place.asBoss(`CREATE ROLE raised_mod_users LOGIN PASSWORD 'x';
    CREATE ROLE between_mod_users; GRANT between_mod_users TO raised_mod_users; GRANT boss TO between_mod_users;
    CREATE SCHEMA mine AUTHORIZATION raised_mod_users;
    CREATE VIEW mine.pg_roles AS SELECT * FROM pg_catalog.pg_roles WHERE false;
    CREATE FUNCTION mine.pg_has_role(name, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
    ALTER ROLE raised_mod_users SET search_path = mine, pg_catalog`)
  const password = { env: { PGPASSWORD: 'x' } }
  const sidecar = await DatabaseSidecar.start(t, place)
  const attack = 'SET ROLE boss; CREATE TABLE behind (); RESET ROLE'
  const { err } = await sidecar.psql('raised_mod_users', attack, password)
  t.regex(err, /"raised_mod_users" may become "boss" \(SET ROLE\)/)
  t.is((await place.asBoss("SELECT count(*) FROM pg_class WHERE relname = 'behind'")).out, '0\n')
  await place.asBoss('REVOKE boss FROM between_mod_users')
  t.is((await sidecar.psql('raised_mod_users', 'SELECT 1', password)).out, '1\n')
})

withPostgres('a role that may replicate is refused: it could read every table', async (t) => {
  const place = await cluster()
  await place.asBoss(`CREATE ROLE copies_mod_users LOGIN REPLICATION PASSWORD 'x';
    CREATE ROLE copier REPLICATION; CREATE ROLE near_mod_users LOGIN PASSWORD 'x'; GRANT copier TO near_mod_users`)
  const sidecar = await DatabaseSidecar.start(t, place)
  const slot = "SELECT pg_create_physical_replication_slot('kept', true)"
  const password = { env: { PGPASSWORD: 'x' } }
  const itself = await sidecar.psql('copies_mod_users', slot, password)
  t.regex(itself.err, /"copies_mod_users" has SUPERUSER or REPLICATION/)
  const near = await sidecar.psql('near_mod_users', `SET ROLE copier; ${slot}`, password)
  t.regex(near.err, /"near_mod_users" may become "copier" \(SET ROLE\)/)
  t.is((await place.asBoss('SELECT count(*) FROM pg_replication_slots')).out, '0\n')
  await place.asBoss('ALTER ROLE copies_mod_users NOREPLICATION')
  t.is((await sidecar.psql('copies_mod_users', 'SELECT 1', password)).out, '1\n')
})

withPostgres(
  'up to PostgreSQL 15 a role with CREATEROLE is recorded as good as a superuser',
  async (t) => {
    const place = await cluster()
    await place.asBoss("CREATE ROLE making_mod_users LOGIN CREATEROLE PASSWORD 'x'")
    const sidecar = await DatabaseSidecar.start(t, place)
    const password = { env: { PGPASSWORD: 'x' } }
    const isOld = Number((await place.asBoss('SHOW server_version_num')).out) < 160_000
    // In one session it becomes what is refused at the login, and starts programs as the owner of the server.
    const attack = `GRANT pg_execute_server_program TO making_mod_users; COPY (SELECT 1) TO PROGRAM 'cat'`
    const { code, err } = await sidecar.psql('making_mod_users', attack, password)
    t.is(code === 0, isOld, err)
    const metrics = await metricsOf(sidecar.process)
    t.is(/sidecar_would_deny_total\{direction="postgres"\} 1\n/.test(metrics), isOld)
    if (!isOld) return
    const [line] = await sidecar.process.say(
      ({ msg }) => msg === 'database session would be refused',
    )
    t.is(line?.['wouldDeny'], 'superuser')
    t.regex(
      String(line?.['because']),
      /"making_mod_users" has CREATEROLE, which up to PostgreSQL 15/,
    )
    const again = await sidecar.psql('making_mod_users', 'SELECT 1', password)
    t.regex(again.err, /may become "pg_execute_server_program" \(SET ROLE\)/)
  },
)

withPostgres('a module that may act for one tenant only gets no role of another', async (t) => {
  const place = await cluster()
  await place.asBoss("CREATE ROLE north_mod_users LOGIN PASSWORD 'north'")
  const tenantsOf = [{ caller: 'mod-users', tenants: ['diku'], why: 'it serves one tenant' }]
  const sidecar = await DatabaseSidecar.start(
    t,
    place,
    {},
    { policy: { descriptors: 'descriptors', tenantsOf } },
  )
  const other = await sidecar.psql('north_mod_users', 'SELECT 1', { env: { PGPASSWORD: 'north' } })
  t.regex(other.err, /"north_mod_users" is not one of .*policy\.tenantsOf.*role-not-allowed/)
  for (const role of ['diku_mod_users', 'folio_users']) {
    t.is((await sidecar.psql(role, 'SELECT 1')).out, '1\n')
  }
})

withPostgres('a session that becomes a superuser on its way is ended', async (t) => {
  const place = await cluster()
  await place.asBoss("CREATE ROLE later_mod_users LOGIN PASSWORD 'x'")
  const sidecar = await DatabaseSidecar.start(t, place)
  // The membership is given when the session has been judged.
  const grant = `psql -h ${place.directory} -p ${place.port} -U postgres -d folio -c 'GRANT boss TO later_mod_users'`
  const { err } = await sidecar.psql('later_mod_users', '', {
    input: `SELECT 1;\n\\! ${grant}\nSET ROLE boss;\nCREATE TABLE behind ();\n`,
    env: { PGPASSWORD: 'x' },
  })
  // PostgreSQL says is_superuser of SET ROLE too.
  t.regex(err, /superuser/)
  t.is((await place.asBoss("SELECT count(*) FROM pg_class WHERE relname = 'behind'")).out, '0\n')
})

withPostgres('report lets superusers and other roles pass, and records them', async (t) => {
  const sidecar = await DatabaseSidecar.start(t, await cluster(), { mode: 'report' })
  t.is((await sidecar.psql('boss', 'SELECT 1')).out, '1\n')
  const lines = await sidecar.process.say(
    ({ msg }) => msg === 'database session would be refused',
    2,
  )
  t.deepEqual(
    lines.map(({ wouldDeny }) => wouldDeny),
    ['role-not-allowed', 'superuser'],
  )
})

withPostgres(
  'the certificate alone logs in where the server binds it to the role, and cert is listed',
  async (t) => {
    const tags = { roles: ['diku_mod_tags'] }
    const strict = await DatabaseSidecar.start(t, await cluster(), tags)
    t.regex(
      (await strict.psql('diku_mod_tags', 'SELECT 1')).err,
      /asks for no password.*authentication-not-allowed/,
    )
    const sidecar = await DatabaseSidecar.start(t, await cluster(), {
      ...tags,
      authentication: ['cert'],
    })
    t.is((await sidecar.psql('diku_mod_tags', 'SELECT current_user')).out, 'diku_mod_tags\n')
  },
)

withPostgres('queries sent ahead of the login’s end wait until the role is judged', async (t) => {
  const place = await cluster()
  await place.asBoss('GRANT boss TO diku_mod_tags')
  t.teardown(() => place.asBoss('REVOKE boss FROM diku_mod_tags'))
  const cert = { roles: ['diku_mod_tags'], authentication: ['cert'] }
  const sidecar = await DatabaseSidecar.start(t, place, cert)
  const attack = message(0x51, Buffer.from('SET ROLE boss; CREATE TABLE ahead (); RESET ROLE\0'))
  const startup = startupPacket({ user: 'diku_mod_tags', database: 'folio' })
  for (const packets of [[Buffer.concat([startup, attack])], [startup, attack, attack]]) {
    const said = (await say(sidecar.process.port('postgres'), ...packets)).toString()
    t.regex(said, /"diku_mod_tags" may become "boss" \(SET ROLE\)/)
    t.false(said.includes('SELECT'), 'the answer to our own question is not passed')
  }
  const there = "SELECT count(*) FROM pg_class WHERE relname = 'ahead'"
  t.is((await place.asBoss(there)).out, '0\n')
})

withPostgres('a wrong password is refused in the server’s own words', async (t) => {
  const sidecar = await DatabaseSidecar.start(t, await cluster())
  const { err } = await sidecar.psql('folio_users', 'SELECT 1', { env: { PGPASSWORD: 'diku' } })
  t.regex(err, /password authentication failed for user "folio_users"/)
})

withPostgres(
  'a server whose certificate is not of the bundle, or of another host, is not talked to',
  async (t) => {
    const place = await cluster()
    const other = await makeCa(undefined, 'someone else')
    const directory = place.directory
    const { writeFileSync } = await import('node:fs')
    const trust = `${directory}/other.crt`
    writeFileSync(trust, other.certPem, { mode: 0o644 })
    const wrongRoot = await DatabaseSidecar.start(t, place, { trust })
    t.regex((await wrongRoot.psql('folio_users', 'SELECT 1')).err, /upstream-untrusted/)
    const wrongName = await DatabaseSidecar.start(t, place, { serverName: 'db.example.org' })
    t.regex((await wrongName.psql('folio_users', 'SELECT 1')).err, /ALTNAME.*upstream-untrusted/)
    writeFileSync(trust, place.ca.certPem, { mode: 0o644 })
    await wrongRoot.process.say(({ msg }) => msg === 'database trust loaded')
    t.is((await wrongRoot.psql('folio_users', 'SELECT 1')).out, '1\n')
  },
)

withPostgres('a cancel request ends only what a session of this sidecar does', async (t) => {
  const place = await cluster()
  const sidecar = await DatabaseSidecar.start(t, place)
  const other = await DatabaseSidecar.start(t, place)
  // psql sends its own cancel request when its statement is interrupted: here it is asked by pg's own pid.
  const sleeping = sidecar.psql('folio_users', 'SELECT pg_sleep(3600)')
  const running =
    "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND usename = 'folio_users'"
  let pid = 0
  await until(async () => {
    pid = Number((await place.asBoss(running)).out)
    return pid > 0
  })
  for (const target of [sidecar, other]) {
    t.is((await say(target.port, cancelPacket(pid, Buffer.from('abcd')))).length, 0)
    await target.process.say(({ reason }) => reason === 'unknown-session')
  }
  t.is(Number((await place.asBoss(running)).out), pid)
  await place.asBoss(`SELECT pg_cancel_backend(${pid})`)
  t.regex((await sleeping).err, /canceling statement due to user request/)
})

withPostgres('what psql cancels by SIGINT is cancelled on the server', async (t) => {
  const place = await cluster()
  const sidecar = await DatabaseSidecar.start(t, place)
  const { spawn } = await import('node:child_process')
  const child = spawn(
    `${POSTGRES_BIN}/psql`,
    ['-X', '-d', sidecar.place('folio_users'), '-c', 'SELECT pg_sleep(3601)'],
    { env: { PGPASSWORD: 'secret of the role', PATH: process.env['PATH'] } },
  )
  let said = ''
  child.stderr.on('data', (part) => {
    said += String(part)
  })
  const ended = once(child, 'close')
  await until(
    async () =>
      (
        await place.asBoss(
          "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%3601)' AND state = 'active' AND usename = 'folio_users'",
        )
      ).out === '1\n',
  )
  child.kill('SIGINT')
  await ended
  t.regex(said, /canceling statement due to user request/)
})

test('a module that is refused again and again fills no log, and each refusal is counted', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const sidecar = await DatabaseSidecar.start(t, { ca, port: 1 } as Cluster)
  const refused = (user: string) => say(sidecar.port, startupPacket({ user, database: 'folio' }))
  for (let i = 0; i < 20; i++) await refused('boss')
  await refused('last')
  const lines = await sidecar.process.say(({ msg }) => msg === 'database session refused', 2)
  t.deepEqual(
    lines.map(({ role }) => role),
    ['boss', 'last'],
  )
  const metrics = await metricsOf(sidecar.process)
  t.regex(metrics, /sidecar_refusals_total\{direction="postgres",reason="role-not-allowed"\} 21\n/)
})

test('nothing that was refused at the start reaches the server', async (t) => {
  const seen: Buffer[] = []
  let connections = 0
  const recorder = createServer((socket) => {
    connections++
    socket.on('data', (part) => seen.push(part))
    socket.on('error', () => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  t.teardown(() => recorder.close())
  const address = recorder.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const ca = await makeCa(undefined, 'root1')
  const sidecar = await DatabaseSidecar.start(t, { ca, port } as Cluster)
  const good = startupPacket({ user: 'folio_users', database: 'folio' })
  const bad: readonly (readonly Buffer[])[] = [
    [Buffer.concat([SSL_REQUEST, good])],
    [Buffer.concat([GSSENC_REQUEST, good])],
    [SSL_REQUEST, GSSENC_REQUEST, Buffer.concat([SSL_REQUEST])],
    [startupPacket({ user: 'boss', database: 'folio' })],
    [startupPacket({ user: 'folio_users', database: 'folio', options: '-crole=boss' })],
    [startupPacket({ user: 'folio_users', database: 'folio', replication: 'true' })],
    [startupPacket({ database: 'folio' })],
    [startupPacket({ user: 'folio_users', database: 'folio' }, 2)],
    [Buffer.from('0000000000000000', 'hex')],
    [Buffer.from('7fffffff00030000', 'hex')],
    [Buffer.from('160301020001000001fc0303', 'hex')],
  ]
  for (const packets of bad) {
    const answer = await say(sidecar.port, ...packets)
    const error = errorFields(answer.subarray(answer.indexOf(0x45)))
    t.is(error?.['S'], 'FATAL')
    t.regex(error?.['M'] ?? '', /okapi-sidecar: /)
  }
  // Every byte of a good packet set to another value, one at a time; any minor version is a good one.
  for (let at = 0; at < good.length; at++) {
    if (at === 6 || at === 7) continue
    const packet = Buffer.from(good)
    packet[at] = packet[at]! ^ 0x80
    if (packet.readUInt32BE(0) <= 10_000 && packet.readUInt32BE(0) > good.length) continue
    await say(sidecar.port, packet)
  }
  t.is(connections, 0)
  t.deepEqual(seen, [])
})

test('bytes of a server between S and its handshake are refused, and so is a server without TLS', async (t) => {
  const answers = [Buffer.from('SX'), Buffer.from('N'), Buffer.from('E')]
  const recorder = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.write(answers.shift() ?? Buffer.alloc(0)))
  }).listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  t.teardown(() => recorder.close())
  const address = recorder.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const ca = await makeCa(undefined, 'root1')
  const sidecar = await DatabaseSidecar.start(t, { ca, port } as Cluster)
  const good = startupPacket({ user: 'folio_users', database: 'folio' })
  for (const reason of ['upstream-malformed', 'upstream-untrusted', 'upstream-untrusted']) {
    const error = errorFields(await say(sidecar.port, good))
    t.regex(error?.['M'] ?? '', new RegExp(`okapi-sidecar: ${reason}`))
  }
})
