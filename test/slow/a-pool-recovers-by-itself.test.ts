import pg from 'pg'
import { until } from '../support/patience.ts'
import {
  type Cluster,
  DatabaseSidecar,
  type Ending,
  PASSWORD,
  runPostgres,
  sharedCluster,
  withPostgres,
} from '../support/postgres.ts'

// node-postgres, as mod-graphql has it: a pool that knows nothing of the sidecar.

const cluster = sharedCluster()

/** A pool through the sidecar; what its idle clients meet is kept, as a module would log it. */
function poolOf(t: Ending, sidecar: DatabaseSidecar, more: pg.PoolConfig = {}) {
  const pool = new pg.Pool({
    host: '127.0.0.1',
    port: sidecar.port,
    user: 'folio_users',
    password: PASSWORD,
    database: 'folio',
    max: 6,
    connectionTimeoutMillis: 60_000,
    ...more,
  })
  const lost: Error[] = []
  pool.on('error', (error) => lost.push(error))
  t.teardown(() => pool.end())
  return { pool, lost }
}

/** Sessions of the pool on the server. */
const OPEN = "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'a pool'"

/** Asks again and again who it is, until it is told to stop; each answer must be to its own question. */
class Askers {
  answers = 0
  mixedUp = 0
  readonly failures: string[] = []
  readonly #pool: pg.Pool
  readonly #running: Promise<void>[]
  #stopped = false

  constructor(pool: pg.Pool, count: number) {
    this.#pool = pool
    this.#running = Array.from({ length: count }, (_, i) => this.#ask(i))
  }

  stop(): Promise<unknown> {
    this.#stopped = true
    return Promise.all(this.#running)
  }

  async #ask(who: number): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const question = `${who}:${n}`
      try {
        const text = 'SELECT $1::text AS it, pg_sleep(0.002)'
        const { rows } = await this.#pool.query({ name: 'ask', text, values: [question] })
        this.answers++
        if (rows[0]?.it !== question) this.mixedUp++
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
}

withPostgres('a pool works: parameters, prepared statements, transactions, errors', async (t) => {
  const { pool } = poolOf(t, await DatabaseSidecar.start(t, await cluster()))
  const asked = Array.from({ length: 40 }, (_, i) => pool.query('SELECT $1::int AS n', [i]))
  t.deepEqual(
    (await Promise.all(asked)).map(({ rows }) => rows[0].n),
    asked.map((_, i) => i),
  )
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('CREATE TABLE kept (n int)')
  const { code } = (await t.throwsAsync(client.query('SELECT 1/0'))) as pg.DatabaseError
  t.is(code, '22012')
  await client.query('ROLLBACK')
  t.is((await client.query("SELECT to_regclass('kept') AS it")).rows[0].it, null)
  client.release()
})

withPostgres('what is refused is an error with code, sentence and hint', async (t) => {
  const place = await cluster()
  const sidecar = await DatabaseSidecar.start(t, place, {
    roles: ['folio_users', '{tenant}_mod_users'],
  })
  for (const [more, code, message, hint] of [
    [
      { user: 'diku_mod_login' },
      '28000',
      /"diku_mod_login" is not one of.*role-not-allowed/,
      /roles/,
    ],
    [
      { database: 'other' },
      '28000',
      /"other" is not one of folio.*database-not-allowed/,
      /databases/,
    ],
    [{ user: 'proud_mod_users' }, '28000', /is a superuser.*superuser/, /NOSUPERUSER/],
    [
      { options: '-crole=boss' },
      '28000',
      /"options" is not allowed.*parameter-not-allowed/,
      /param/,
    ],
    [{ password: 'diku' }, '28P01', /password authentication failed/, /^$/],
  ] as const) {
    const { pool } = poolOf(t, sidecar, more)
    const error = (await t.throwsAsync(pool.query('SELECT 1'))) as pg.DatabaseError
    t.is(error.code, code)
    t.regex(error.message, message)
    t.regex(error.hint ?? '', hint)
  }
  const { pool } = poolOf(t, sidecar, { ssl: true })
  await t.throwsAsync(pool.query('SELECT 1'), { message: /does not support SSL/ })
})

withPostgres('rotation under a pool fails no query', async (t) => {
  const place = await cluster()
  const sidecar = await DatabaseSidecar.start(t, place)
  const { pool, lost } = poolOf(t, sidecar, { maxUses: 20 })
  const askers = new Askers(pool, 6)
  for (let generation = 2; generation <= 4; generation++) {
    const before = askers.answers
    sidecar.put(await sidecar.issue(place.ca), [place.ca])
    await sidecar.reached(generation)
    await until(() => askers.answers > before + 150)
  }
  await askers.stop()
  t.deepEqual(askers.failures, [])
  t.deepEqual(lost, [])
  t.is(askers.mixedUp, 0)
})

for (const [how, signal] of [
  ['is restarted', 'SIGINT'],
  ['is killed', 'SIGQUIT'],
] as const) {
  withPostgres(
    `a server that ${how} under a pool and pgbench: sessions end, none hangs, none is mixed up`,
    async (t) => {
      const place = await cluster()
      const sidecar = await DatabaseSidecar.start(t, place)
      const { pool } = poolOf(t, sidecar, { application_name: 'a pool' })
      const askers = new Askers(pool, 12)
      const options = { env: { PGPASSWORD: PASSWORD } }
      const where = sidecar.place('folio_users')
      const made = await runPostgres('pgbench', ['-i', '-q', '-s', '1', '-d', where], options)
      t.is(made.code, 0, made.err)
      const args = ['-n', '-S', '-c', '4', '-T', '600', '-d', where]
      const bench = runPostgres('pgbench', args, options)
      await until(() => askers.answers > 200)
      await until(async () => (await pgbenchSessions(place)) === 4)
      await place.stop(signal)
      // It ends by itself: every one of its sessions is over.
      const { code, err } = await bench
      t.not(code, 0)
      t.regex(err, /terminating connection|server closed the connection|upstream-unreachable|abort/)
      await until(() => askers.failures.some((each) => /upstream-unreachable/.test(each)))
      await place.run()
      const before = askers.answers
      await until(() => askers.answers > before + 500)
      await askers.stop()
      t.is(askers.mixedUp, 0)
      t.is((await pool.query(OPEN)).rows[0].count, pool.totalCount)
      for (const each of askers.failures) t.regex(each, EXPECTED)
    },
  )
}

/** What PostgreSQL, the sidecar and node-postgres say of a server that goes. */
const EXPECTED =
  /terminating connection|Connection terminated|upstream-unreachable|ECONNRESET|the database system is|not accepting connections|crash of another server process/

async function pgbenchSessions(place: Cluster): Promise<number> {
  const sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'"
  return Number((await place.asBoss(sql)).out)
}
