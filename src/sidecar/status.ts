import { hostname } from 'node:os'
import manifest from '../../package.json' with { type: 'json' }
import type { Config } from '../config/config.ts'
import type { Credentials } from '../credentials/credentials.ts'
import type { LogDestination } from '../observe/log.ts'
import type { Readiness } from '../observe/readiness.ts'
import type { Root, StatusFacts } from '../observe/status/facts.ts'
import type { PolicyCell } from '../proxy/destination.ts'
import { migrationFacts } from './migration.ts'
import type { ServingThreads } from './serving-threads.ts'

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
}

/** Everything that the status page shows, as it is now. */
export function statusFacts(sources: StatusSources): StatusFacts {
  const { config, credentials, policies, threads, readiness, destination } = sources
  const { module, trustDomain, allowPlainBeyondLoopback } = config
  const nowMs = Date.now()
  const { history, connections, workers } = threads.seen
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
    workers,
    plainBeyondLoopback: allowPlainBeyondLoopback ?? null,
    migration: migrationFacts(config, nowMs),
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
