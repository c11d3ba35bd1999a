import type { Config } from '../config/config.ts'
import type { Credentials } from '../credentials/credentials.ts'
import type { PublicCertificate } from '../credentials/public-certificate.ts'
import { directionsOf } from '../listeners/all.ts'
import type { LogDestination } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { PolicyCell } from '../proxy/destination.ts'
import type { ServingThreads } from './serving-threads.ts'

/** Who is asked when metrics are scraped. */
export interface Gauged {
  readonly config: Config
  readonly credentials: Credentials
  readonly publicCertificate: PublicCertificate | undefined
  readonly policies: PolicyCell
  readonly threads: ServingThreads
  readonly destination: LogDestination
}

/** Everything that is read at scrape, each from the object that knows it. */
export function gauges(metrics: Metrics, gauged: Gauged): void {
  const { config, credentials, publicCertificate: shown, policies, threads, destination } = gauged
  metrics.gauge('sidecar_credentials_generation', () => credentials.current.number)
  metrics.gauge('sidecar_connections_stale', () => threads.seen.stale)
  metrics.gauge('sidecar_crl_next_update_timestamp_seconds', () => {
    const { crlsEnd } = credentials.current
    return crlsEnd === undefined ? undefined : crlsEnd / 1000
  })
  metrics.gauge('sidecar_exchanges_open', () => threads.seen.running)
  metrics.gauge('sidecar_buffered_bytes', () => threads.seen.bufferedBytes)
  metrics.gauge('sidecar_plain_beyond_loopback', () =>
    config.allowPlainBeyondLoopback === undefined ? 0 : 1,
  )
  metrics.gauge('sidecar_migration_until_timestamp_seconds', () => {
    const { migration } = config
    return migration && migration.until / 1000
  })
  metrics.lostLogLines(() => destination.lost ?? 0)
  metrics.certificates({
    module: () => credentials.current.notAfter / 1000,
    ...(shown === undefined ? {} : { public: () => shown.current.notAfter / 1000 }),
  })
  metrics.overShare(() => threads.seen.history.overShare)
  metrics.policy(() => policies.current)
  metrics.openConnections(
    Object.fromEntries(directionsOf(config).map((name) => [name, () => threads.seen.open(name)])),
  )
}
