import { parseArgs } from 'node:util'
import type { Config } from '../../config/config.ts'
import type { DatabaseSettings } from '../../config/database.ts'
import { loadConfig } from '../../config/load.ts'
import { checkGeneration } from '../../credentials/check-generation.ts'
import type { Generation } from '../../credentials/generation.ts'
import { readAuthorities } from '../../credentials/trust-file.ts'
import { fault } from '../../fault.ts'
import { ServerConnector } from '../../postgres/server-connection.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import { expectedOf } from '../../sidecar/authentication.ts'
import { sourceOf } from '../../sidecar/source.ts'
import { CoarseClock } from '../../transport/clock.ts'
import { NameResolver } from '../../transport/name-resolver.ts'
import type { OpenedNamed } from '../../transport/named-handshake.ts'
import { namedServerContext } from '../../transport/named-server.ts'
import { callerIn } from '../../trust/identity.ts'
import { safeTable } from '../terminal.ts'
import { logIn, saidOf } from './login.ts'

/** The result for one server. */
interface Met {
  readonly server: string
  readonly ok: boolean
  readonly tls: string | null
  /** Subject and end of the server's certificate. */
  readonly certificate: string | null
  readonly role: string | null
  /** How it asks for authentication, or how the login ended. */
  readonly login: string
  /** The extensions that RMB needs, or why they are not known. */
  readonly extensions: string
  /** `limits.databaseSessions`. */
  readonly databaseSessions: number
  /** `max_connections` of the server; null if it was not asked. */
  readonly maxConnections: number | null
}

/** Connects to every server; resolves to 1 if one of them is not usable. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'c' },
      role: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const { config } = loadConfig(values.config, process.env)
  if (config.postgres.length === 0) throw fault('the configuration has no `postgres`')
  const expected = { ...expectedOf(config), now: Date.now() }
  const generation = await checkGeneration(await sourceOf(config).read(), expected)
  const clock = new CoarseClock()
  const met: Met[] = []
  try {
    for (const settings of config.postgres) {
      met.push(await meet(settings, values.role, { config, generation, clock }))
    }
  } finally {
    clock.stop()
  }
  process.stdout.write(values.json ? `${JSON.stringify(met, null, 2)}\n` : asText(met))
  return met.every(({ ok }) => ok) ? 0 : 1
}

interface Means {
  readonly config: Config
  readonly generation: Generation
  readonly clock: CoarseClock
}

async function meet(
  settings: DatabaseSettings,
  named: string | undefined,
  means: Means,
): Promise<Met> {
  const server = settings.servers.map(({ host, port }) => `${host}:${port}`).join(', ')
  const role = named ?? settings.roles.find((each) => !each.includes('{tenant}')) ?? null
  const extensions = 'not asked: not logged in'
  const { databaseSessions } = means.config.limits
  const none = {
    ...{ server, tls: null, certificate: null, role, extensions },
    ...{ databaseSessions, maxConnections: null },
  }
  const opened = await open(settings, means)
  if ('because' in opened) return { ...none, ok: false, login: saidOf(opened) }
  const { socket } = opened
  const { subject, valid_to: end } = socket.getPeerCertificate()
  const certificate = `${subject?.CN ?? 'no common name'}, until ${new Date(end).toISOString().slice(0, 10)}`
  const seen = { ...none, tls: socket.getProtocol(), certificate }
  if (role === null) {
    socket.destroy()
    return { ...seen, ok: true, login: 'not tried: no role without {tenant}; name one by --role' }
  }
  return { ...seen, ...(await logIn(opened, role, settings, means.config)) }
}

function open(
  { servers, serverName, sslNegotiation, trust, clientCertificate }: DatabaseSettings,
  { config, generation, clock }: Means,
): Promise<OpenedNamed | Refusal> {
  const { connectMs, handshakeMs, recordOverheadBytesPerSecond } = config.limits
  const { keyPem: key, certPem: cert, caPems, crlPems } = generation
  const named =
    trust === undefined
      ? { ca: caPems, crl: crlPems }
      : { ca: readAuthorities(trust, Date.now()).caPems, crl: [] }
  const context = namedServerContext(named, clientCertificate === 'own' ? { key, cert } : undefined)
  const connector = new ServerConnector({
    places: servers.map(({ host, port }) => ({ host, port, name: serverName ?? host })),
    names: new NameResolver(() => clock.now),
    context: () => context,
    callerIn: (der) => callerIn(der, config.pins.identities),
    ...{ sslNegotiation, clock, connectMs, handshakeMs },
    ...{ recordOverheadBytesPerSecond },
  })
  return new Promise((resolve, reject) => {
    // The clock does not keep the process alive.
    const alive = setInterval(() => {}, 1000)
    connector.connect((refusal, opened) => {
      clearInterval(alive)
      const result = opened ?? refusal
      if (result === null) reject(new Error('neither a server nor a refusal'))
      else resolve(result)
    })
  })
}

function asText(met: readonly Met[]): string {
  return met
    .map(({ server, ok, tls, certificate, role, login, extensions, ...sessions }) =>
      safeTable([
        ['server', server],
        ['usable', ok ? 'yes' : 'NO'],
        ...(tls === null ? [] : [['tls', tls]]),
        ...(certificate === null ? [] : [['certificate', certificate]]),
        ...(role === null ? [] : [['role', role]]),
        ['login', login],
        ['extensions', extensions],
        ['sessions', sessionsText(sessions)],
      ]),
    )
    .join('\n')
}

/** One module that opens all its sessions must leave some for the others. */
function sessionsText({
  databaseSessions: here,
  maxConnections: there,
}: Pick<Met, 'databaseSessions' | 'maxConnections'>): string {
  const ours = `at most ${here} by this sidecar (limits.databaseSessions)`
  if (there === null) return ours
  const theirs = `${there} at the server (max_connections), for all its clients`
  return here < there ? `${ours}, ${theirs}` : `${ours}, ${theirs}: LOWER THE LIMIT`
}
