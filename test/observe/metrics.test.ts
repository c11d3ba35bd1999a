import test from 'ava'
import fc from 'fast-check'
import { keysIn } from '../../src/config/keys.ts'
import { fileSchema } from '../../src/config/schema.ts'
import { BOUNDS_MS } from '../../src/observe/counters.ts'
import { DIRECTIONS } from '../../src/observe/labels.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { Readiness } from '../../src/observe/readiness.ts'
import { LIMITS } from '../../src/refusal/limits.ts'
import { ALL_REASONS } from '../../src/refusal/reasons.ts'

/** Series and values as Prometheus would read them. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => /^[a-z]/.test(line))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    }),
  )
}

test('an exchange counts once, in its class and direction', async (t) => {
  const metrics = new Metrics()
  metrics.requestEnded('ingress', 200, 1)
  metrics.requestEnded('ingress', 299, 1)
  metrics.requestEnded('egress', 403, 1)
  metrics.requestEnded('egress', 0, 1)
  const series = await scrape(metrics)
  const requests = (direction: string, status: string) =>
    series.get(`sidecar_requests_total{direction="${direction}",status_class="${status}"}`)
  t.is(requests('ingress', '2xx'), 2)
  t.is(requests('ingress', '4xx'), 0)
  t.is(requests('egress', '4xx'), 1)
  t.is(requests('egress', 'none'), 1)
  t.is(series.get('sidecar_request_duration_seconds_count{direction="egress"}'), 2)
})

test('scraping twice counts nothing twice', async (t) => {
  const metrics = new Metrics()
  metrics.refused('public', 'tenant-mismatch')
  const first = await scrape(metrics)
  t.deepEqual(await scrape(metrics), first)
  t.is(first.get('sidecar_refusals_total{direction="public",reason="tenant-mismatch"}'), 1)
})

test('every reason in every direction has a series of its own from the start', async (t) => {
  const metrics = new Metrics()
  const series = await scrape(metrics)
  for (const direction of DIRECTIONS) {
    for (const reason of ALL_REASONS) {
      t.is(series.get(`sidecar_refusals_total{direction="${direction}",reason="${reason}"}`), 0)
      metrics.refused(direction, reason)
    }
  }
  const counted = [...(await scrape(metrics))].filter(([name]) =>
    name.startsWith('sidecar_refusals'),
  )
  t.is(counted.length, DIRECTIONS.length * ALL_REASONS.length)
  t.true(counted.every(([, value]) => value === 1))
})

test('100,000 hostile names make no series and count nowhere', async (t) => {
  const metrics = new Metrics(['ingress'])
  const before = await scrape(metrics)
  // What the types forbid, as a mistake of ours would pass it on.
  const loosely = (method: (...values: never[]) => void, ...values: unknown[]) =>
    Reflect.apply(method, metrics, values)
  for (let i = 0; i < 100_000; i++) {
    const name = i % 2 === 0 ? `mod-evil-${i}` : '__proto__'
    loosely(metrics.refused, 'ingress', name)
    loosely(metrics.refused, name, 'admin-route')
    loosely(metrics.requestEnded, name, 200, 1)
    loosely(metrics.handshakeFailed, name)
    loosely(metrics.limitHit, name)
  }
  t.deepEqual(await scrape(metrics), before)
})

test('a status that is none is counted as none', async (t) => {
  const metrics = new Metrics(['ingress'])
  for (const status of [0, -1, 99, 600, Number.NaN, Number.POSITIVE_INFINITY, 1e9]) {
    metrics.requestEnded('ingress', status, 0)
  }
  const series = await scrape(metrics)
  t.is(series.get('sidecar_requests_total{direction="ingress",status_class="none"}'), 7)
})

test('each duration counts in every bucket whose bound it does not exceed, as Prometheus requires', async (t) => {
  const bucket = (le: number | string) =>
    `sidecar_request_duration_seconds_bucket{le="${le}",direction="ingress"}`
  const edge = fc.constantFrom(...BOUNDS_MS).chain((bound) => fc.constantFrom(bound, bound + 1e-6))
  const ms = fc.oneof(edge, fc.double({ min: 0, max: 1e7, noNaN: true }))
  await fc.assert(
    fc.asyncProperty(fc.array(ms, { maxLength: 20 }), async (durations) => {
      const metrics = new Metrics(['ingress'])
      for (const duration of durations) metrics.requestEnded('ingress', 200, duration)
      const series = await scrape(metrics)
      for (const bound of BOUNDS_MS) {
        const within = durations.filter((duration) => duration <= bound).length
        if (series.get(bucket(bound / 1000)) !== within) return false
      }
      return (
        series.get(bucket('+Inf')) === durations.length &&
        series.get('sidecar_request_duration_seconds_count{direction="ingress"}') ===
          durations.length
      )
    }),
    { numRuns: 50 },
  )
  t.pass()
})

test('a value that is not a duration is counted without breaking the sum', async (t) => {
  const metrics = new Metrics(['ingress'])
  for (const ms of [Number.NaN, -5, Number.POSITIVE_INFINITY, 2000]) {
    metrics.requestEnded('ingress', 200, ms)
  }
  const series = await scrape(metrics)
  t.is(series.get('sidecar_request_duration_seconds_sum{direction="ingress"}'), 2)
  t.is(series.get('sidecar_request_duration_seconds_count{direction="ingress"}'), 4)
})

test('each remark of /ready is a series, as long as it lasts', async (t) => {
  const metrics = new Metrics()
  const readiness = new Readiness()
  metrics.remarks(() => readiness.remarks)
  const remark = async () => (await scrape(metrics)).get('sidecar_remark{about="credentials"}')
  t.is(await remark(), 0)
  readiness.remark('credentials', 'the last good generation stays in use')
  t.is(await remark(), 1)
  t.is((await scrape(metrics)).get('sidecar_remark{about="policy"}'), 0)
  readiness.remark('credentials', undefined)
  t.is(await remark(), 0)
})

test('gauges are read at scrape', async (t) => {
  const metrics = new Metrics()
  let bytes = 1
  metrics.gauge('sidecar_buffered_bytes', () => bytes)
  metrics.openConnections({ ingress: () => 3 })
  metrics.certificates({
    module: () => ({ notBefore: 1_700_000_000_000, notAfter: 1_800_000_000_000 }),
  })
  bytes = 2
  const series = await scrape(metrics)
  t.is(series.get('sidecar_buffered_bytes'), 2)
  t.is(series.get('sidecar_connections_open{direction="ingress"}'), 3)
  t.is(series.get('sidecar_connections_open{direction="egress"}'), undefined)
  t.is(series.get('sidecar_certificate_not_before_timestamp_seconds{use="module"}'), 1_700_000_000)
  t.is(series.get('sidecar_certificate_not_after_timestamp_seconds{use="module"}'), 1_800_000_000)
})

test('callers over their share: identities by name, addresses as a number', async (t) => {
  const metrics = new Metrics()
  const limit = 'connections'
  const now = Date.now()
  metrics.overShare(() => [
    { name: 'mod-tags-3.1.0', proven: true, limit, times: 7, lastMs: now },
    { name: 'mod-old-1.0.0', proven: true, limit, times: 1, lastMs: now - 3_600_000 },
    { name: 'public/192.0.2.7', proven: false, limit, times: 2, lastMs: now },
    { name: 'public/192.0.2.8', proven: false, limit, times: 3, lastMs: now },
  ])
  const series = await scrape(metrics)
  t.is(series.get('sidecar_too_many_total{caller="mod-tags-3.1.0"}'), 7)
  t.is(series.get('sidecar_too_many_total{caller="mod-old-1.0.0"}'), 1)
  t.is(series.get('sidecar_too_many_total{caller="addresses"}'), 5)
  t.is(series.get('sidecar_callers_over_share{kind="identity"}'), 1)
  t.is(series.get('sidecar_callers_over_share{kind="address"}'), 2)
})

test('only the policy in force has a series', async (t) => {
  const metrics = new Metrics()
  let hash = 'a'
  let profiles = [
    { caller: 'operator/anna', profile: 'bootstrap', untilMs: 1_800_000_000_000 },
    { caller: 'operator/bo', profile: 'daily', untilMs: Number.POSITIVE_INFINITY },
  ]
  metrics.policy(() => ({ hash, mode: 'enforce', profiles, quarantined: 0 }))
  t.is((await scrape(metrics)).get('sidecar_policy_info{hash="a",mode="enforce"}'), 1)
  const name = 'sidecar_operator_profile_until_timestamp_seconds'
  const anna = `${name}{operator="operator/anna",profile="bootstrap"}`
  const before = await scrape(metrics)
  t.is(before.get(anna), 1_800_000_000)
  t.is(before.get(`${name}{operator="operator/bo",profile="daily"}`), undefined)
  profiles = []
  t.is((await scrape(metrics)).get(anna), undefined)
  hash = 'b'
  const series = await scrape(metrics)
  t.is(series.get('sidecar_policy_info{hash="b",mode="enforce"}'), 1)
  t.is(series.get('sidecar_policy_info{hash="a",mode="enforce"}'), undefined)
})

test('the other counters', async (t) => {
  const metrics = new Metrics()
  metrics.handshakeFailed('revoked-certificate')
  metrics.handshakeFailed('protocol')
  metrics.wouldDeny('ingress')
  metrics.reloaded('failed')
  metrics.limitHit('connections')
  const series = await scrape(metrics)
  for (const name of [
    'sidecar_handshake_failures_total{reason="revoked-certificate"}',
    'sidecar_handshake_failures_total{reason="protocol"}',
    'sidecar_would_deny_total{direction="ingress"}',
    'sidecar_credentials_reload_total{result="failed"}',
    'sidecar_limits_hit_total{limit="connections"}',
  ]) {
    t.is(series.get(name), 1, name)
  }
  t.is(series.get('sidecar_credentials_reload_total{result="ok"}'), 0)
  t.is(series.get('sidecar_handshake_failures_total{reason="admin-route"}'), undefined)
})

test('two sidecars in one process share no counter', async (t) => {
  const [one, other] = [new Metrics(), new Metrics()]
  one.wouldDeny('ingress')
  t.is((await scrape(other)).get('sidecar_would_deny_total{direction="ingress"}'), 0)
})

test('the limits are those of the configuration, but for those that are never counted', (t) => {
  const configured = keysIn(fileSchema())
    .filter(({ path }) => path[0] === 'limits')
    .map(({ path }) => path.slice(1).join('.'))
  const uncounted = [
    ...['adaptive.min', 'bodyRateWindowMs', 'bufferedBytesPerExchange'],
    'drainTimeoutMs',
  ]
  t.deepEqual([...LIMITS, ...uncounted].toSorted(), configured.toSorted())
})
