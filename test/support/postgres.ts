import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { patiently, until } from './patience.ts'
import { type Issued, makeCa, type TestCa } from './pki.ts'
import { descriptorsIn, Rotating, replaceFiles } from './rotation.ts'
import { Sidecar } from './scenario/sidecar.ts'
import type { Declare, Said } from './scenario/tools.ts'

// A PostgreSQL of its own for a test: own folder, own port, TLS by the test's own CA, SCRAM.

const VERSIONS = '/usr/lib/postgresql'
/** Where Debian keeps the programs of its newest version. */
export const POSTGRES_BIN = `${VERSIONS}/${newestIn(VERSIONS)}/bin`
const MODULE = 'mod-users-19.7.0'
/** The password of every role of the cluster. */
export const PASSWORD = 'secret of the role'
/** Members of no other role. `boss` is the superuser that logs in by the network. */
export const ROLES = ['diku_mod_users', 'diku_mod_login', 'folio_users', 'diku_mod_tags'] as const

/** Where what is to be closed is noted: a test, or a whole file. */
export interface Ending {
  teardown(close: () => unknown): void
}

/** One cluster for the tests of a file, started by the first that needs it. */
export function sharedCluster(): () => Promise<Cluster> {
  const closing: (() => unknown)[] = []
  let cluster: Promise<Cluster> | undefined
  test.after.always(async () => {
    for (const close of closing.reverse()) await close()
  })
  return () => {
    cluster ??= Cluster.start({ teardown: (close) => closing.push(close) })
    return cluster
  }
}

/** Tests that need a real PostgreSQL: where there is none they are skipped, with one line of output per file. */
export const withPostgres: Declare = existsSync(`${POSTGRES_BIN}/initdb`)
  ? (title, run) => test.serial(title, run)
  : skipped()

function skipped(): Declare {
  let missed = 0
  return (title, run) => {
    if (missed++ === 0) {
      setImmediate(() =>
        console.log(`skipped: ${POSTGRES_BIN}/initdb is not here (${missed} of this file's tests)`),
      )
    }
    test.serial.skip(title, run)
  }
}

function newestIn(directory: string): number {
  if (!existsSync(directory)) return 0
  return Math.max(0, ...readdirSync(directory).map(Number).filter(Number.isInteger))
}

/** initdb refuses to run as root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** A running cluster. */
export class Cluster {
  readonly directory: string
  readonly port: number
  readonly ca: TestCa
  readonly #owner = unprivileged()
  readonly #programs: string
  #server: ChildProcess | undefined
  #log = ''

  private constructor(directory: string, port: number, ca: TestCa, programs: string) {
    this.#programs = programs
    this.directory = directory
    this.port = port
    this.ca = ca
  }

  /** `programs`: the folder of initdb and postgres. */
  static async start(t: Ending, programs = POSTGRES_BIN): Promise<Cluster> {
    const directory = mkdtempSync(join(tmpdir(), 'pg-'))
    const [port] = await freePorts(1)
    const ca = await makeCa(undefined, 'root1')
    const cluster = new Cluster(directory, port!, ca, programs)
    t.teardown(() => cluster.close())
    const { uid, gid } = cluster.#owner
    if (uid !== undefined && gid !== undefined) chownSync(directory, uid, gid)
    await cluster.#tool('initdb', [
      '-D',
      join(directory, 'data'),
      '-U',
      'postgres',
      '--auth=trust',
      '-N',
      '-E',
      'UTF8',
      '--no-locale',
    ])
    cluster.#configure(await ca.issue({ cn: 'db', ip: ['127.0.0.1'], eku: ['serverAuth'] }))
    await cluster.run()
    await cluster.#roles()
    return cluster
  }

  /** Starts the server; resolves when it takes sessions. */
  async run(): Promise<void> {
    const { directory, port } = this
    const args = ['-D', join(directory, 'data'), '-p', String(port)]
    const server = spawn(`${this.#programs}/postgres`, args, {
      ...this.#owner,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server.stderr.on('data', (part) => {
      this.#log += String(part)
    })
    const kill = () => server.kill('SIGKILL')
    process.once('exit', kill)
    server.once('close', () => process.off('exit', kill))
    this.#server = server
    await until(async () => {
      if (server.exitCode !== null) throw new Error(`postgres ended: ${this.#log}`)
      return (await this.asBoss('SELECT 1', 'postgres')).code === 0
    })
  }

  /** As `pg_ctl stop -m fast`: sessions are told 57P01. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    const server = this.#server
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const closed = new Promise((resolve) => server.once('close', resolve))
    server.kill(signal)
    await patiently(closed, () => `postgres does not stop: ${this.#log.slice(-2000)}`)
  }

  /** Past the sidecar and without a password: by the Unix socket. */
  asBoss(sql: string, database = 'folio'): Promise<Said> {
    const place = ['-h', this.directory, '-p', String(this.port), '-U', 'postgres', '-d', database]
    return runPostgres('psql', ['-X', '-A', '-t', ...place, '-c', sql])
  }

  async close(): Promise<void> {
    await this.stop('SIGQUIT')
    rmSync(this.directory, { recursive: true, force: true })
  }

  #configure(leaf: Issued): void {
    const data = join(this.directory, 'data')
    const write = (name: string, content: string) => {
      const file = join(data, name)
      writeFileSync(file, content, { mode: 0o600 })
      const { uid, gid } = this.#owner
      if (uid !== undefined && gid !== undefined) chownSync(file, uid, gid)
    }
    write('server.crt', leaf.chainPem)
    write('server.key', leaf.keyPem)
    write('root.crt', this.ca.certPem)
    const more = [
      `unix_socket_directories = '${this.directory}'`,
      "listen_addresses = '127.0.0.1'",
      'ssl = on',
      "ssl_ca_file = 'root.crt'",
      'fsync = off',
      "password_encryption = 'scram-sha-256'",
      'max_connections = 80',
    ]
    const settings = readFileSync(join(data, 'postgresql.conf'), 'utf8')
    write('postgresql.conf', `${settings}\n${more.join('\n')}\n`)
    const hba = [
      'local all postgres trust',
      'hostssl all diku_mod_tags 127.0.0.1/32 cert map=modules',
      'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
    ]
    write('pg_hba.conf', `${hba.join('\n')}\n`)
    write('pg_ident.conf', `modules ${MODULE} diku_mod_tags\n`)
  }

  /** Other lines for pg_hba.conf; resolves when the server goes by them. */
  async hba(lines: readonly string[]): Promise<void> {
    // The file stays, and its owner with it.
    writeFileSync(join(this.directory, 'data', 'pg_hba.conf'), `${lines.join('\n')}\n`)
    const loaded = 'SELECT pg_conf_load_time()'
    const before = (await this.asBoss(loaded)).out
    await this.asBoss('SELECT pg_reload_conf()')
    await until(async () => (await this.asBoss(loaded)).out !== before)
  }

  async #roles(): Promise<void> {
    const roles = [...ROLES].map((role) => `CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`)
    const boss = `CREATE ROLE boss LOGIN SUPERUSER PASSWORD '${PASSWORD}'`
    // A superuser with the name of a tenant's role, as an administrator's mistake.
    const proud = `CREATE ROLE proud_mod_users LOGIN SUPERUSER PASSWORD '${PASSWORD}'`
    await this.asBoss('CREATE DATABASE folio', 'postgres')
    for (const sql of [...roles, boss, proud, 'GRANT ALL ON SCHEMA public TO PUBLIC']) {
      const { code, err } = await this.asBoss(sql)
      if (code !== 0) throw new Error(`${sql}: ${err}`)
    }
    await this.asBoss('CREATE DATABASE other')
  }

  async #tool(name: string, args: readonly string[]): Promise<void> {
    const { code, err } = await runPostgres(name, args, {
      ...this.#owner,
      programs: this.#programs,
    })
    if (code !== 0) throw new Error(`${name}: ${err}`)
  }
}

/** Runs a program of PostgreSQL to its end. */
export async function runPostgres(
  name: string,
  args: readonly string[],
  {
    input = '',
    programs = POSTGRES_BIN,
    ...options
  }: {
    programs?: string
    uid?: number
    gid?: number
    env?: NodeJS.ProcessEnv
    input?: string
  } = {},
): Promise<Said> {
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', HOME: '/nonexistent', ...options.env }
  const child = spawn(`${programs}/${name}`, args, { ...options, env, cwd: '/', stdio: 'pipe' })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}

/** A sidecar with a database leg, beside the module that the roles are for. */
export class DatabaseSidecar extends Rotating {
  readonly cluster: Cluster

  private constructor(cluster: Cluster, directory: string) {
    super(MODULE, directory, replaceFiles)
    this.cluster = cluster
  }

  /** Starts one; `more` adds to the entry of `postgres`, `sections` replaces others; `under` as in Process. */
  static async start(
    t: Ending,
    cluster: Cluster,
    more: Readonly<Record<string, unknown>> = {},
    sections: Readonly<Record<string, unknown>> = {},
    under: readonly string[] = [],
  ): Promise<DatabaseSidecar> {
    const directory = mkdtempSync(join(tmpdir(), 'pg-sidecar-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    descriptorsIn(directory)
    mkdirSync(join(directory, 'certs'), { mode: 0o700 })
    const sidecar = new DatabaseSidecar(cluster, join(directory, 'certs'))
    sidecar.put(await sidecar.issue(cluster.ca), [cluster.ca])
    const file = join(directory, 'sidecar.json')
    const configuration = {
      module: MODULE,
      trustDomain: 'folio.test',
      credentials: { directory: sidecar.directory },
      policy: { descriptors: join(directory, 'descriptors') },
      admin: { listen: '127.0.0.1:0' },
      status: { listen: '127.0.0.1:0' },
      log: { level: 'debug' },
      postgres: {
        listen: '127.0.0.1:0',
        server: `127.0.0.1:${cluster.port}`,
        databases: ['folio'],
        roles: ['folio_users', '{tenant}_mod_users'],
        ...more,
      },
      ...sections,
    }
    writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
    const apart = 'workers' in sections || under.length > 0
    sidecar.process = await (apart
      ? Sidecar.process(MODULE, file, {}, under)
      : Sidecar.start(MODULE, file))
    t.teardown(() => sidecar.process.stop())
    return sidecar
  }

  get port(): number {
    return this.process.port('postgres')
  }

  /** Options of libpq's programs to come in by the sidecar. */
  place(role: string, database = 'folio'): string {
    return `host=127.0.0.1 port=${this.port} user=${role} dbname=${database} connect_timeout=60`
  }

  /** `psql` through the sidecar. */
  psql(
    role: string,
    sql: string,
    more: { place?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Said> {
    const place = more.place ?? this.place(role)
    const args = [
      '-X',
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-d',
      place,
      ...(sql === '' ? [] : ['-c', sql]),
    ]
    const env = { PGPASSWORD: PASSWORD, ...more.env }
    return runPostgres('psql', args, {
      env,
      ...(more.input !== undefined && { input: more.input }),
    })
  }
}
