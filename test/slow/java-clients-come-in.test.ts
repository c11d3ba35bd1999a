import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { mavenJars } from '../support/maven.ts'
import { DatabaseSidecar, sharedCluster, withPostgres } from '../support/postgres.ts'

const run = promisify(execFile)
const SOURCE = fileURLToPath(new URL('../fixtures/java-clients/Clients.java', import.meta.url))
// By a password with spaces vertx-pg-client does not log in, where libpq and node-postgres do.
const PLAIN = 'plain'
const cluster = sharedCluster()

/** Line by line, what Clients.java says. */
const EXPECTED: readonly (readonly [string, RegExp])[] = [
  ['vertx pipelined', /^500$/],
  ['vertx tenant', /^created$/],
  ['vertx tenant’s rows', /^2$/],
  ['vertx shared pool', /^java_mod_users of folio_users in java_mod_users$/],
  ['vertx shared pool after', /^folio_users$/],
  ['vertx error', /division by zero/],
  ['vertx after the error', /^it is here$/],
  ['vertx refused', /"diku_mod_login" is not one of .*okapi-sidecar: role-not-allowed.*28000/],
  ['vertx superuser', /is a superuser .*okapi-sidecar: superuser/],
  ['pgjdbc prepared', /^200$/],
  ['pgjdbc by cursor', /^5000$/],
  ['pgjdbc copy', /^true$/],
  ['pgjdbc batch', /^1000$/],
  ['pgjdbc notified', /^it is here$/],
  ['pgjdbc cancelled', /^57014$/],
  ['pgjdbc refused', /^28000 .*"diku_mod_login" is not one of .*role-not-allowed/],
  ['pgjdbc schema', /^28000 .*"search_path" is not allowed.*parameter-not-allowed/],
  ['pgjdbc options', /^28000 .*"options" is not allowed.*parameter-not-allowed/],
  ['pgjdbc with TLS', /does not support SSL/],
  ['pgjdbc replication', /^28000 .*"replication" is not allowed.*parameter-not-allowed/],
]

withPostgres(
  'vertx-pg-client and pgjdbc do through the sidecar what modules do, and read why they are refused',
  async (t) => {
    t.timeout(300_000)
    const found = await mavenJars()
    if ('missing' in found) {
      console.log(`skipped: ${found.missing}`)
      t.pass()
      return
    }
    const place = await cluster()
    // What `postgres sql` gives the login role of a module.
    await place.asBoss(
      `ALTER ROLE folio_users CREATEROLE PASSWORD '${PLAIN}'; GRANT CREATE ON DATABASE folio TO folio_users;
      ALTER ROLE diku_mod_users PASSWORD '${PLAIN}'; ALTER ROLE proud_mod_users PASSWORD '${PLAIN}'`,
    )
    const sidecar = await DatabaseSidecar.start(t, place)
    const classes = mkdtempSync(join(tmpdir(), 'java-clients-'))
    t.teardown(() => rmSync(classes, { recursive: true, force: true }))
    const path = `${found.jars}/*`
    try {
      await run('javac', ['-nowarn', '-d', classes, '-cp', path, SOURCE])
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      console.log('skipped: javac is not here')
      t.pass()
      return
    }
    const args = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', `${classes}:${path}`, 'Clients']
    const { stdout } = await run('java', [...args, String(sidecar.port), PLAIN], {
      timeout: 280_000,
    }).catch((error) => {
      throw new Error(`${error.message}: ${error.stdout}`)
    })
    const said = new Map(
      stdout
        .split('\n')
        .filter((line) => line.includes(': '))
        .map((line) => {
          const at = line.indexOf(': ')
          return [line.slice(0, at).replace("'", '’'), line.slice(at + 2)] as const
        }),
    )
    for (const [what, expected] of EXPECTED) t.regex(said.get(what) ?? '', expected, what)
    t.is(said.size, EXPECTED.length)
  },
)
