import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { fault } from '../fault.ts'
import { openAuthority } from '../pki/ca.ts'
import { freePorts } from './child.ts'
import { MODULES, product, TENANT } from './members.ts'

/** A PostgreSQL for the demo, as in FOLIO installations: the tenant's id is the password. */
export interface DemoDatabase {
  readonly port: number
  /** Number of connections that it has accepted. */
  connections(): number
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

const DEBIAN = '/usr/lib/postgresql'
/** FOLIO's database. */
export const FOLIO_DATABASE = 'folio'
const STOLEN_ROLE = `${TENANT}_mod_login`
/** RMB's name for the role of mod-tags. */
export const TAGS_ROLE = `${TENANT}_${product(MODULES.tags).replaceAll('-', '_')}`
const READY = 'database system is ready to accept connections'
const PATIENCE_MS = 30_000

/** The directory of the programs of PostgreSQL's server; undefined if this machine has none. */
export function findPostgres(
  path = process.env['PATH'] ?? '',
  debian = DEBIAN,
): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))
  const directories = [
    ...newest.map((version) => join(debian, version, 'bin')),
    ...path.split(delimiter),
  ]
  return directories.find((one) =>
    ['postgres', 'initdb'].every((name) => existsSync(join(one, name))),
  )
}

/** Makes and starts it, with a certificate of the demo's CA. */
export async function startDatabase(programs: string, certs: string): Promise<DemoDatabase> {
  const owner = await unprivileged()
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-demo-postgres-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const data = join(directory, 'data')
    const options = { ...owner, cwd: '/', env: { ...process.env, LC_ALL: 'C' } }
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid)
    const made = ['-D', data, '-U', 'postgres', '-A', 'reject', '-E', 'UTF8', '--no-locale', '-N']
    await promisify(execFile)(join(programs, 'initdb'), made, options)
    await configure(data, certs, owner)
    await statements(join(programs, 'postgres'), data, options)
    const [port = 0] = await freePorts(1)
    const server = await serve([join(programs, 'postgres'), '-D', data, '-p', `${port}`], options)
    const stop = async () => {
      await server.stop()
      await remove()
    }
    return { port, connections: server.connections, stop }
  } catch (error) {
    await remove()
    throw error
  }
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root. */
async function unprivileged(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (flag: string) =>
    Number((await promisify(execFile)('id', [flag, 'postgres'])).stdout)
  try {
    return { uid: await id('-u'), gid: await id('-g') }
  } catch {
    throw fault('PostgreSQL does not run as root, and there is no user `postgres`')
  }
}

async function configure(data: string, certs: string, owner: Owner | undefined): Promise<void> {
  const authority = await openAuthority(certs)
  await authority.issue('postgresql-1.0.0', { ips: ['127.0.0.1'] })
  const own = async (name: string) => {
    if (owner !== undefined) await chown(join(data, name), owner.uid, owner.gid)
  }
  for (const [from, to] of [
    ['tls.crt', 'server.crt'],
    ['tls.key', 'server.key'],
  ] as const) {
    await copyFile(join(certs, 'postgresql-1.0.0', from), join(data, to))
    await own(to)
  }
  await writeFile(join(data, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n')
  const settings = [
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    "password_encryption = 'scram-sha-256'",
    'ssl = on',
    'fsync = off',
    'log_connections = on',
    'logging_collector = off',
    "log_destination = 'stderr'",
  ]
  await appendFile(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`)
}

type Options = Partial<Owner> & { readonly cwd: string; readonly env: NodeJS.ProcessEnv }

/** In single-user mode every line is a statement, so no client is needed. */
async function statements(postgres: string, data: string, options: Options): Promise<void> {
  const running = promisify(execFile)(postgres, ['--single', '-D', data, 'postgres'], options)
  const roles = [STOLEN_ROLE, TAGS_ROLE].map(
    (role) => `CREATE ROLE ${role} LOGIN PASSWORD '${TENANT}'\n`,
  )
  running.child.stdin?.on('error', () => undefined)
  running.child.stdin?.end(`${roles.join('')}CREATE DATABASE ${FOLIO_DATABASE}\n`)
  await running
}

/** The shell stops the server when its standard input ends, so also when the demo is killed. */
const UNTIL_INPUT_ENDS = '"$0" "$@" </dev/null & server=$!; cat >/dev/null; kill -INT $server; wait'

async function serve(command: readonly string[], options: Options) {
  const shell = spawn('/bin/sh', ['-c', UNTIL_INPUT_ENDS, ...command], {
    ...options,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const closed = once(shell, 'close')
  const ready = Promise.withResolvers<void>()
  let log = ''
  const late = setTimeout(
    () => ready.reject(fault(`PostgreSQL did not start: ${log}`)),
    PATIENCE_MS,
  )
  shell.on('error', ready.reject)
  shell.stdin.on('error', () => undefined)
  shell.stderr.on('data', (part) => {
    log += String(part)
    if (log.includes(READY)) ready.resolve()
  })
  const stop = async () => {
    shell.stdin.end()
    await closed
  }
  try {
    await ready.promise
  } catch (error) {
    await stop()
    throw error
  } finally {
    clearTimeout(late)
  }
  return { stop, connections: () => log.split('connection received').length - 1 }
}
