import { PATIENCE_MS } from '../patience.ts'
import { get } from './messages.ts'
import type { Sidecar } from './sidecar.ts'
import { ask } from './talk.ts'

export { until } from '../patience.ts'

/** The page that Prometheus scrapes. */
export async function metricsOf(sidecar: Sidecar): Promise<string> {
  const path = sidecar.address('admin')
  if (path.startsWith('/')) return (await ask({ path }, get('/metrics'))).body
  const page = await fetch(`http://127.0.0.1:${sidecar.port('admin')}/metrics`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  return page.text()
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
