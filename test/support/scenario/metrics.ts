import { get } from './messages.ts'
import type { Sidecar } from './sidecar.ts'
import { ask } from './talk.ts'

export { until } from '../patience.ts'

/** The page that Prometheus scrapes. By a connection of its own: one that was kept may be closed just then. */
export async function metricsOf(sidecar: Sidecar): Promise<string> {
  const path = sidecar.address('admin')
  const where = path.startsWith('/') ? { path } : sidecar.port('admin')
  return (await ask(where, get('/metrics'))).body
}

/** The value of one series, NaN where there is none: `sidecar_buffered_bytes`. */
export async function metric(sidecar: Sidecar, series: string): Promise<number> {
  const page = await metricsOf(sidecar)
  const line = page.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? Number.NaN : Number(line.slice(series.length))
}

/** How often this key of `limits` was reached. */
export function limitHits(sidecar: Sidecar, limit: string): Promise<number> {
  return metric(sidecar, `sidecar_limits_hit_total{limit="${limit}"}`)
}
