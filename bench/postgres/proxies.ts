import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { programOf } from '../candidates/okapi-sidecar.ts'
import { PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { TRUST_DOMAIN } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import { as, type DatabaseSite, MODULE, ROLE } from './site.ts'

/** A proxy that takes plain connections and speaks verified TLS with the server, by MODULE's certificate. */
export interface DatabaseProxy {
  readonly candidate: string
  readonly port: number
  readonly process: Measured
}

/** Starts all of them. `checkouts`: others of this project, by name. */
export async function startProxies(
  site: DatabaseSite,
  checkouts: ReadonlyMap<string, string>,
): Promise<readonly DatabaseProxy[]> {
  const all: DatabaseProxy[] = []
  const openers = [
    ...[['okapi-sidecar', site.bundle] as const, ...checkouts].map(
      ([name, checkout]) =>
        () =>
          sidecar(site, name, checkout),
    ),
    () => pgbouncer(site),
    () => stunnel(site),
  ]
  try {
    for (const open of openers) all.push(await open())
    return all
  } catch (error) {
    await Promise.all(all.map(({ process }) => process.stop()))
    throw error
  }
}

/** As in production: access log, metrics, rules. */
async function sidecar(site: DatabaseSite, name: string, checkout: string): Promise<DatabaseProxy> {
  const port = await freePort()
  const configuration = {
    module: MODULE,
    trustDomain: TRUST_DOMAIN,
    credentials: { directory: site.pair },
    policy: { descriptors: site.descriptors },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    postgres: {
      listen: `127.0.0.1:${port}`,
      server: `127.0.0.1:${site.port}`,
      databases: [ROLE],
      roles: [ROLE],
      authentication: ['cert'],
    },
  }
  const file = join(site.directory, `${name}.json`)
  await writeFile(file, JSON.stringify(configuration, null, 2), { mode: 0o600 })
  return started(site, name, port, [...programOf(checkout), 'run', '-c', file])
}

/** Sessions of clients are sessions of the server; the server's certificate and its name are checked. */
async function pgbouncer(site: DatabaseSite): Promise<DatabaseProxy> {
  const port = await freePort()
  const { directory, owner, pairOfDaemons: pair } = site
  const file = join(directory, 'pgbouncer.ini')
  const lines = [
    '[databases]',
    `${ROLE} = host=127.0.0.1 port=${site.port} user=${ROLE} dbname=${ROLE}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = session',
    'default_pool_size = 100',
    'max_client_conn = 300',
    'server_tls_sslmode = verify-full',
    `server_tls_ca_file = ${pair}/ca.crt`,
    `server_tls_cert_file = ${pair}/tls.crt`,
    `server_tls_key_file = ${pair}/tls.key`,
    'log_connections = 0',
    'log_disconnections = 0',
    '',
  ]
  await writeFile(file, lines.join('\n'), { mode: 0o600 })
  if (owner !== undefined) await chown(file, owner.uid, owner.gid)
  return started(site, 'pgbouncer', port, [...as(owner), site.tools.pgbouncer, '-q', file])
}

/** It knows how TLS begins with PostgreSQL, and nothing else of the protocol. */
async function stunnel(site: DatabaseSite): Promise<DatabaseProxy> {
  const port = await freePort()
  const file = join(site.directory, 'stunnel.conf')
  const lines = [
    'foreground = yes',
    'pid =',
    'syslog = no',
    'debug = 4',
    '[postgresql]',
    'client = yes',
    'protocol = pgsql',
    `accept = 127.0.0.1:${port}`,
    `connect = 127.0.0.1:${site.port}`,
    `CAfile = ${site.pair}/ca.crt`,
    `cert = ${site.pair}/tls.crt`,
    `key = ${site.pair}/tls.key`,
    'verifyChain = yes',
    'checkIP = 127.0.0.1',
    'socket = l:TCP_NODELAY=1',
    'socket = r:TCP_NODELAY=1',
    '',
  ]
  await writeFile(file, lines.join('\n'), { mode: 0o600 })
  return started(site, 'stunnel', port, [site.tools.stunnel, file])
}

async function started(
  { directory }: DatabaseSite,
  candidate: string,
  port: number,
  command: readonly string[],
): Promise<DatabaseProxy> {
  const errorFile = join(directory, `${candidate}.log`)
  const process = await start({ name: candidate, command, cpu: PROXY_CPU, port, errorFile })
  return { candidate, port, process }
}
