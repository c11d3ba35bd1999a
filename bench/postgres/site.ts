import { execFile, spawnSync } from 'node:child_process'
import { appendFile, chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createAuthority } from '../../src/pki/ca.ts'
import { LOAD_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { makeBundle } from '../site/bundle.ts'
import { TRUST_DOMAIN } from '../site/certificates.ts'
import { writeDescriptors } from '../site/descriptors.ts'
import { freePort } from '../site/ports.ts'
import { type DatabaseTools, program } from './tools.ts'

const run = promisify(execFile)

/** Whose sidecar stands before the database. */
export const MODULE = 'mod-caller-1.0.0'
const SERVER = 'postgresql-15.0.0'
/** Role and database of the load. */
export const ROLE = 'bench'

/** A PostgreSQL that lets `ROLE` in by the certificate of MODULE alone, and what its proxies are made of. */
export interface DatabaseSite {
  readonly tools: DatabaseTools
  readonly directory: string
  /** tls.crt, tls.key and ca.crt of MODULE, for root and for the user of daemons. */
  readonly pair: string
  readonly pairOfDaemons: string
  readonly descriptors: string
  readonly bundle: string
  readonly port: number
  /** Who daemons run as, which refuse to be root; undefined where we are not root ourselves. */
  readonly owner: Owner | undefined
  close(): Promise<void>
}

/** User and group, by number. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Makes a cluster with the tables of pgbench, on the CPU of the load, and a bundle of this checkout. */
export async function openDatabaseSite(tools: DatabaseTools): Promise<DatabaseSite> {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-bench-postgres-'))
  let server: Measured | undefined
  const close = async () => {
    await server?.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await chmod(directory, 0o711)
    const owner = await daemons()
    const [certs, descriptors] = [join(directory, 'certs'), join(directory, 'descriptors')]
    const authority = await createAuthority(certs, { trustDomain: TRUST_DOMAIN, key: 'p256' })
    await authority.issue(MODULE)
    await authority.issue(SERVER, { ips: ['127.0.0.1'] })
    await writeDescriptors(descriptors)
    const pair = join(certs, MODULE)
    const pairOfDaemons = join(directory, 'pair')
    await copyPair(pair, pairOfDaemons, owner)
    const data = join(directory, 'data')
    await mkdir(data)
    if (owner !== undefined) await chown(data, owner.uid, owner.gid)
    await run(program(tools, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-N'], {
      ...owner,
      cwd: '/',
    })
    await copyPair(join(certs, SERVER), join(data, 'pair'), owner)
    await configure(data)
    const port = await freePort()
    server = await start({
      name: 'PostgreSQL',
      command: [...as(owner), program(tools, 'postgres'), '-D', data, '-p', String(port)],
      cpu: LOAD_CPU,
      port,
      errorFile: join(directory, 'postgresql.log'),
    })
    await makeTables(tools, data, port)
    const bundle = await makeBundle(join(directory, 'dist'))
    return { tools, directory, pair, pairOfDaemons, descriptors, bundle, port, owner, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What makes a command another user's. */
export function as(owner: Owner | undefined): readonly string[] {
  if (owner === undefined) return []
  return ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups']
}

/** PostgreSQL and PgBouncer refuse to run as root. */
async function daemons(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}

async function copyPair(from: string, to: string, owner: Owner | undefined): Promise<void> {
  await mkdir(to)
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) {
    const file = join(to, name)
    await copyFile(join(from, name), file)
    await chmod(file, 0o600)
    if (owner !== undefined) await chown(file, owner.uid, owner.gid)
  }
  if (owner !== undefined) await chown(to, owner.uid, owner.gid)
}

async function configure(data: string): Promise<void> {
  const settings = [
    `unix_socket_directories = '${data}'`,
    "listen_addresses = '127.0.0.1'",
    'ssl = on',
    "ssl_cert_file = 'pair/tls.crt'",
    "ssl_key_file = 'pair/tls.key'",
    "ssl_ca_file = 'pair/ca.crt'",
    'fsync = off',
    'autovacuum = off',
    'max_connections = 300',
  ]
  await appendFile(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`)
  const lines = [
    'local all postgres trust',
    `hostssl ${ROLE} ${ROLE} 127.0.0.1/32 cert map=bench`,
    '',
  ]
  await writeFile(join(data, 'pg_hba.conf'), lines.join('\n'))
  await writeFile(join(data, 'pg_ident.conf'), `bench ${MODULE} ${ROLE}\n`)
}

/** One scale of pgbench is in memory; `lines` is where COPY ends, and it keeps nothing. */
async function makeTables(tools: DatabaseTools, socket: string, port: number): Promise<void> {
  const place = ['-h', socket, '-p', String(port), '-U', 'postgres']
  // It takes connections before it takes sessions.
  const ready = () => spawnSync(program(tools, 'pg_isready'), place.slice(0, 4)).status === 0
  for (let tries = 0; !ready() && tries < 200; tries++) await pause(50)
  for (const sql of [`CREATE ROLE ${ROLE} LOGIN`, `CREATE DATABASE ${ROLE} OWNER ${ROLE}`]) {
    await run(program(tools, 'psql'), [...place, '-X', '-c', sql])
  }
  const tables = `CREATE TABLE lines (line text); GRANT ALL ON ALL TABLES IN SCHEMA public TO ${ROLE}`
  await run(program(tools, 'pgbench'), [...place, '-q', '-i', '-s', '1', ROLE])
  await run(program(tools, 'psql'), [...place, '-X', '-d', ROLE, '-c', tables])
}
