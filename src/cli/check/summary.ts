import { formatListen } from '../../config/addresses.ts'
import type { Config } from '../../config/config.ts'
import type { Effective } from '../../config/load.ts'
import type { Origin } from '../../config/places.ts'
import { LISTENERS } from '../../listeners/all.ts'
import type { ListenerDefinition } from '../../listeners/listener.ts'
import { DIRECTIONS } from '../../observe/labels.ts'
import { spanText } from '../../observe/status/words.ts'
import { table, textWidth, wrap } from '../terminal.ts'
import type { CredentialsFound } from './credentials.ts'
import type { PolicyFound } from './policy.ts'

/** Maximum characters of a value in the table; `--json` has complete values. */
const WIDEST = 48

/** `max_connections` of a PostgreSQL server, for all its clients. */
const DEFAULT_MAX_CONNECTIONS = 100

/** Every value in force with its origin, aligned. */
export function settingsTable(origins: readonly Effective[]): string {
  return table(origins.map(({ key, value, origin }) => [key, written(value), originOf(origin)]))
}

/** The module, its listeners and their destinations, one line each. */
export function configurationSummary(
  config: Config,
  credentials: CredentialsFound | undefined,
  policy: PolicyFound | undefined,
): string {
  return wrapped([
    ['module', `${config.module.id} in ${config.trustDomain}`],
    ...listenerRows(config, policy?.told.kafkaRules),
    ...workers(config),
    ...adaptive(config),
    ...turns(config),
    ['credentials', credentials === undefined ? 'not usable' : ofCredentials(credentials)],
    ['policy', policy === undefined ? 'not usable' : ofPolicy(policy)],
    ...tenants(policy),
    ...tokens(config),
    ...audit(config),
  ])
}

function workers({ workers: count }: Config): [string, string][] {
  return count === 1 ? [] : [['workers', `${count} threads on the same ports`]]
}

function adaptive({ limits }: Config): [string, string][] {
  const { min, tolerance } = limits.adaptive
  if (tolerance === 0) return []
  const slow = `${tolerance} times its usual time`
  return [['adaptive', `no more calls than the module answers in ${slow}, but ${min} always`]]
}

function turns({ limits: { turnMs } }: Config): [string, string][] {
  if (turnMs === 0) return []
  return [['turnMs', `no more calls in a turn than take ${turnMs} ms, when there is no CPU left`]]
}

/** What every installation has is not mentioned. */
function tenants(policy: PolicyFound | undefined): [string, string][] {
  const [held = '', ...more] = policy?.told.tenants ?? []
  const rows = held.endsWith('enforced') ? more : [held, ...more]
  return rows.filter((row) => row !== '').map((row) => ['tenants', row])
}

function tokens({ policy }: Config): [string, string][] {
  const { tokens: mode, tokenSeenMs, tokenGraceMs } = policy
  if (mode === 'off') return []
  const life = `modules may send only those that Okapi has sent to them within ${spanText(tokenSeenMs)}`
  const grace = spanText(Math.min(tokenGraceMs, tokenSeenMs))
  const when = mode === 'report' ? 'REPORT ONLY' : `refused from ${grace} after a start on`
  return [['tokens', `${life}, ${when}`]]
}

function audit({ audit: trail }: Config): [string, string][] {
  if (trail === undefined) return []
  const to = trail.to === 'stdout' ? 'standard output' : trail.to.file
  const otherwise =
    trail.whenUnwritable === 'block'
      ? 'what cannot be written is refused'
      : 'what cannot be written is only counted'
  return [['audit', `${to}, ${otherwise}`]]
}

/** As wide as the terminal; longer text is wrapped. In a pipe each fact is one line. */
function wrapped(rows: readonly (readonly [string, string])[]): string {
  const { COLUMNS } = process.env
  const isNarrow = process.stdout.columns !== undefined || COLUMNS !== undefined
  const width = Math.max(...rows.map(([label]) => label.length))
  return table(
    rows.flatMap(([label, text]) =>
      (isNarrow ? wrap(text, textWidth() - width - 2) : [text]).map((line, i) => [
        (i === 0 ? label : '').padEnd(width),
        line,
      ]),
    ),
  )
}

function listenerRows(config: Config, kafkaRules = 0): [string, string][] {
  const { admin, status } = config
  const http = LISTENERS.filter((listener) => listener.configured(config)).sort(byLabel)
  const rows = http.map(({ direction, describe }): [string, string] => [
    direction,
    describe(config),
  ])
  for (const { listen, servers, roles, databases, ...leg } of config.postgres) {
    const to = servers.map(({ host, port }) => `${host}:${port}`).join(', ')
    const reports = leg.mode === 'report' || leg.superuser === 'report'
    const mode = reports ? ', REPORT ONLY' : ''
    rows.push([
      'postgres',
      `${formatListen(listen)} -> ${to} (${databases.join(', ')}) as ${roles.join(', ')}${mode}`,
    ])
  }
  if (config.postgres.length > 0) {
    const most = config.limits.databaseSessions
    const theirs = most < DEFAULT_MAX_CONNECTIONS ? '' : '; PostgreSQL takes 100 in all by default'
    rows.push(['sessions', `at most ${most} at once (limits.databaseSessions)${theirs}`])
  }
  const { kafka } = config
  if (kafka !== undefined) {
    const to = kafka.bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')
    const mode = kafka.mode === 'report' ? ', REPORT ONLY' : ''
    const rules = plural(kafkaRules, 'rule')
    rows.push(['kafka', `${formatListen(kafka.listen)} -> ${to}, ${rules}${mode}`])
  }
  rows.push(['admin', formatListen(admin.listen)], ['status', formatListen(status.listen)])
  return rows
}

/** In the order of the labels, which is not that of opening. */
function byLabel(one: ListenerDefinition, other: ListenerDefinition): number {
  return DIRECTIONS.indexOf(one.direction) - DIRECTIONS.indexOf(other.direction)
}

function ofCredentials({ told }: CredentialsFound): string {
  const { from, notAfter, roots, revocationLists } = told
  const lists = revocationLists === 0 ? '' : `, ${plural(revocationLists, 'revocation list')}`
  const until = `until ${notAfter.slice(0, 10)} (${spanText(Math.max(0, Date.parse(notAfter) - Date.now()))})`
  return `${from}, ${until}, ${plural(roots, 'root')}${lists}`
}

function ofPolicy({ told }: PolicyFound): string {
  const { descriptors, grants, knownGrants, mode, hash } = told
  const known = knownGrants === 0 ? '' : ` and ${knownGrants} known`
  return `${descriptors}, ${plural(grants, 'grant')}${known}, ${mode}, ${hash.slice(0, 12)}`
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function written(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length <= WIDEST ? text : `${text.slice(0, WIDEST - 3)}...`
}

function originOf(origin: Origin): string {
  if (origin.kind === 'default') return 'default'
  if (origin.kind === 'environment') return origin.variable
  const { file, line, column } = origin.where
  return [file, line, column].filter((part) => part !== undefined).join(':')
}
