import { hostname } from 'node:os'
import manifest from '../../package.json' with { type: 'json' }
import type { Config } from '../config/config.ts'
import type { Credentials } from '../credentials/credentials.ts'
import type { PublicCertificate } from '../credentials/public-certificate.ts'
import { directionsOf } from '../listeners/all.ts'
import type { LogDestination } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { ProcessUse } from '../observe/process-use.ts'
import type { Readiness } from '../observe/readiness.ts'
import type { Root, StatusFacts } from '../observe/status/facts.ts'
import type { PolicyCell } from '../proxy/destination.ts'
import type { Auditing } from './auditing.ts'
import { migrationFacts } from './migration.ts'
import type { ServingThreads } from './serving-threads.ts'
import type { TokenWatch } from './token-memory.ts'

/** What is asked when the status page is read. */
export interface StatusSources {
  readonly config: Config
  readonly credentials: Credentials
  readonly policies: PolicyCell
  readonly threads: ServingThreads
  readonly readiness: Readiness
  readonly destination: LogDestination
  readonly listening: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly startedMs: number
  readonly processUse: ProcessUse
  readonly tokens: TokenWatch | undefined
  readonly auditing: Auditing | undefined
}

/** Everything that the status page shows, as it is now. */
export function statusFacts(sources: StatusSources): StatusFacts {
  const { config, credentials, policies, threads, readiness, destination, tokens } = sources
  const { module, trustDomain, allowPlainBeyondLoopback } = config
  const nowMs = Date.now()
  const { history, connections, workers, concurrency, running } = threads.seen
  const { current } = policies
  return {
    module: module.id,
    host: hostname(),
    version: manifest.version,
    trustDomain,
    nowMs,
    startedMs: sources.startedMs,
    ready: readiness.ready,
    draining: readiness.draining,
    awaiting: readiness.awaiting,
    remarks: readiness.remarks,
    listening: { ...sources.listening },
    log: { lost: destination.lost ?? 0, trouble: destination.trouble ?? null },
    ...trust(credentials),
    policy: { mode: current.mode, hash: current.hash, ...current.summary(module.id) },
    peers: history.peers,
    refusals: history.refusals,
    overShare: history.overShare,
    slices: history.slices(nowMs),
    openConnections: connections,
    openExchanges: running,
    process: sources.processUse.seen,
    concurrency,
    workers,
    plainBeyondLoopback: allowPlainBeyondLoopback ?? null,
    migration: migrationFacts(config, nowMs),
    tokens: tokens?.now(current, nowMs) ?? null,
    audit: sources.auditing?.state ?? null,
  }
}

function trust({ current }: Credentials) {
  const { identity, leaf, notAfter, number, bundle, crlsEnd } = current
  const roots = bundle.authorities.map(
    (authority): Root => ({
      subject: authority.subject.text,
      fingerprint: authority.fingerprint256,
      notBeforeMs: authority.notBefore,
      notAfterMs: authority.notAfter,
    }),
  )
  return {
    certificate: {
      uri: identity.uri,
      serial: leaf.serial.hex,
      notBeforeMs: leaf.notBefore,
      notAfterMs: notAfter,
      generation: number,
    },
    roots,
    revocationListsEndMs: crlsEnd ?? null,
  }
}

/** Who is asked when metrics are scraped. */
export interface Gauged {
  readonly config: Config
  readonly credentials: Credentials
  readonly publicCertificate: PublicCertificate | undefined
  readonly policies: PolicyCell
  readonly threads: ServingThreads
  readonly destination: LogDestination
  readonly readiness: Readiness
  readonly tokens: TokenWatch | undefined
  readonly auditing: Auditing | undefined
}

/** Everything that is read at scrape, each value from the object that has it. */
export function gauges(metrics: Metrics, gauged: Gauged): void {
  const { config, credentials, publicCertificate: shown, policies, threads } = gauged
  const { destination, tokens, auditing, readiness } = gauged
  metrics.gauge('sidecar_credentials_generation', () => credentials.current.number)
  metrics.gauge('sidecar_connections_stale', () => threads.seen.stale)
  metrics.gauge('sidecar_crl_next_update_timestamp_seconds', () => {
    const { crlsEnd } = credentials.current
    return crlsEnd === undefined ? undefined : crlsEnd / 1000
  })
  metrics.gauge('sidecar_exchanges_open', () => threads.seen.running)
  metrics.gauge('sidecar_buffered_bytes', () => threads.seen.bufferedBytes)
  metrics.gauge('sidecar_module_calls_limit', () => threads.seen.concurrency?.limit)
  metrics.gauge('sidecar_module_calls_waiting', () => threads.seen.concurrency?.open)
  metrics.gauge('sidecar_plain_beyond_loopback', () =>
    config.allowPlainBeyondLoopback === undefined ? 0 : 1,
  )
  metrics.gauge('sidecar_migration_until_timestamp_seconds', () => {
    const { migration } = config
    return migration && migration.until / 1000
  })
  const startedMs = Date.now() - process.uptime() * 1000
  metrics.process({ version: manifest.version, startedMs })
  metrics.remarks(() => readiness.remarks)
  metrics.lostLogLines(() => destination.lost ?? 0)
  metrics.certificates({
    module: () => {
      const { leaf, notAfter } = credentials.current
      return { notBefore: leaf.notBefore, notAfter }
    },
    ...(shown === undefined ? {} : { public: () => shown.current }),
  })
  metrics.overShare(() => threads.seen.history.overShare)
  metrics.policy(() => policies.current)
  if (auditing !== undefined) metrics.audit(() => auditing.state)
  if (tokens !== undefined) metrics.tokens(() => tokens.now(policies.current, Date.now()))
  metrics.openConnections(
    Object.fromEntries(directionsOf(config).map((name) => [name, () => threads.seen.open(name)])),
  )
}
