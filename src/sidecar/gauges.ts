import type { Config } from '../config/config.ts'
import type { Credentials } from '../credentials/credentials.ts'
import type { PublicCertificate } from '../credentials/public-certificate.ts'
import type { Direction } from '../observe/labels.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { PolicyCell } from '../proxy/destination.ts'
import type { Crew } from './crew.ts'

/** Who is asked when metrics are scraped. */
export interface Gauged {
  readonly config: Config
  readonly credentials: Credentials
  readonly publicCertificate: PublicCertificate | undefined
  readonly policies: PolicyCell
  readonly crew: Crew
}

/** Everything that is read at scrape from whoever knows it. */
export function gauges(metrics: Metrics, gauged: Gauged): void {
  const { config, credentials, publicCertificate: shown, policies, crew } = gauged
  metrics.gauge('sidecar_credentials_generation', () => credentials.current.number)
  metrics.gauge('sidecar_connections_stale', () => crew.seen.stale)
  metrics.gauge('sidecar_crl_next_update_timestamp_seconds', () => {
    const { crlsEnd } = credentials.current
    return crlsEnd === undefined ? undefined : crlsEnd / 1000
  })
  metrics.gauge('sidecar_exchanges_open', () => crew.seen.running)
  metrics.gauge('sidecar_buffered_bytes', () => crew.seen.bufferedBytes)
  metrics.gauge('sidecar_plain_beyond_loopback', () =>
    config.allowPlainBeyondLoopback === undefined ? 0 : 1,
  )
  metrics.gauge('sidecar_migration_until_timestamp_seconds', () => {
    const { migration } = config
    return migration && migration.until / 1000
  })
  metrics.certificates({
    module: () => credentials.current.notAfter / 1000,
    ...(shown === undefined ? {} : { public: () => shown.current.notAfter / 1000 }),
  })
  metrics.policy(() => policies.current)
  metrics.openConnections(
    Object.fromEntries(directionsOf(config).map((name) => [name, () => crew.seen.open(name)])),
  )
}

/** The doors that the configuration names. */
export function directionsOf(config: Config): Direction[] {
  const { ingress, egress, modules, public: browsers, migration } = config
  const doors: Direction[] = []
  if (ingress !== undefined) doors.push('ingress')
  if (egress !== undefined) doors.push('egress')
  if (modules !== undefined) doors.push('modules')
  if (browsers !== undefined) doors.push('public')
  if (migration !== undefined) doors.push('plain')
  return doors
}
