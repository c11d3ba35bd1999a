import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { Metrics } from '../../src/observe/metrics.ts'
import { LIMITS } from '../../src/refusal/limits.ts'
import { ALL_REASONS } from '../../src/refusal/reasons.ts'
import { MAIN } from '../support/program.ts'
import { runTool } from '../support/scenario/tools.ts'
import { Process } from '../support/scenario.ts'
import { CHART } from './render.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PLACE = mkdtempSync(join(tmpdir(), 'sidecar-monitoring-'))
const ID = 'okapi-7.2.0'

/** What Prometheus adds by itself, or the PodMonitor: it is in no /metrics. */
const FROM_OUTSIDE = new Set(['namespace', 'pod', 'okapi_sidecar_module', 'le'])

let series = new Map<string, Set<string>>()
/** Everything that /metrics says. */
let documented = ''
/** `direction="plain"`, as it stands in some series. */
let pairs = new Set<string>()

test.before('/metrics of a real sidecar, with a revocation list', async (t) => {
  const certs = async (...argv: string[]) => {
    const args = [MAIN, 'certs', ...argv, '--dir', join(PLACE, 'ca')]
    const { code, err } = await runTool(process.execPath, args)
    t.is(code, 0, err)
  }
  await certs('init', '--trust-domain', 'folio.test')
  await certs('issue', ID, '--ip', '127.0.0.1', '--powerful')
  await certs('revoke', '--refresh', '--distribute')
  const file = join(PLACE, 'sidecar.json')
  const settings = {
    module: ID,
    trustDomain: 'folio.test',
    credentials: { directory: join(PLACE, 'ca', ID) },
    ingress: { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:1' },
    egress: { modules: { listen: '127.0.0.1:0' } },
    policy: {
      descriptors: join(ROOT, 'test/fixtures/descriptors'),
      tokens: 'enforce',
      grants: [
        {
          caller: 'operator/anna',
          at: 'okapi',
          profile: 'bootstrap',
          until: new Date(Date.now() + 86_400_000).toISOString().slice(0, 10),
          why: 'a profile has a series of its own',
        },
      ],
    },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    audit: { to: join(PLACE, 'audit.log') },
    migration: {
      listen: '127.0.0.1:0',
      from: ['127.0.0.1'],
      until: new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10),
      why: 'the migration listener has series of its own',
    },
    postgres: { listen: '127.0.0.1:0', server: '127.0.0.1:1', databases: ['folio'] },
  }
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
  const sidecar = new Process(['run', '-c', file])
  try {
    const [ready] = await sidecar.say(({ msg }) => msg === 'ready')
    const admin =
      ready?.listening === undefined
        ? ''
        : Object.entries(ready.listening).find(([name]) => name === 'admin')?.[1]
    const answer = await fetch(`http://${admin}/metrics`)
    const text = await answer.text()
    series = seriesIn(`${text}${await overShare()}`)
    documented = text
    pairs = new Set(text.match(/direction="[^"]*"/g))
  } finally {
    await sidecar.stop()
  }
})

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

/** The series of callers over their share, which has no values before there is one. */
function overShare(): Promise<string> {
  const metrics = new Metrics()
  const caller = { name: 'mod-users-19.7.0', proven: true, limit: 'exchanges', times: 1, lastMs: 0 }
  metrics.overShare(() => [caller])
  return metrics.text()
}

/** The names of all series and of their labels. */
function seriesIn(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const [, name = '', labels = ''] of text.matchAll(/^(sidecar_\w+)(?:\{(.*)\})? /gm)) {
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)
    found.set(name, new Set([...(found.get(name) ?? []), ...names]))
  }
  return found
}

/** Every selector of a query: the series and the labels that it is picked by. */
function selectors(query: string) {
  return [...query.matchAll(/(sidecar_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', inner = '']) => ({
    name,
    labels: [...inner.matchAll(/(\w+)\s*(?:=|!=|=~|!~)\s*"/g)].map(([, label = '']) => label),
  }))
}

/** The labels that a query groups by. */
function groupings(query: string): string[] {
  return [...query.matchAll(/\b(?:by|without) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  )
}

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string }
}

const dashboard: { panels: readonly Panel[] } = JSON.parse(
  readFileSync(join(CHART, 'files/dashboard.json'), 'utf8'),
)
const rules: readonly Rule[] = parse(
  readFileSync(join(CHART, 'files/rules.yaml'), 'utf8')
    .replaceAll(/\{\{`(.*?)`\}\}/g, '$1')
    .replaceAll(/\{\{ \.Values\S+ \}\}/g, '6'),
)

const queries = [
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ of: `panel ${title}`, expr, told: legendFormat })),
  ),
  ...rules.map(({ alert, expr, annotations }) => ({
    of: `alert ${alert}`,
    expr,
    told: annotations.summary.replaceAll('$labels.', ''),
  })),
]

for (const { of, expr, told } of queries) {
  test(`${of} asks for what a sidecar tells: ${expr.slice(0, 60)}`, (t) => {
    const asked = selectors(expr)
    t.true(asked.length > 0)
    const known = new Set(FROM_OUTSIDE)
    for (const { name, labels } of asked) {
      t.true(series.has(name), name)
      const own = series.get(name) ?? new Set()
      for (const label of own) known.add(label)
      for (const label of labels) t.true(own.has(label) || FROM_OUTSIDE.has(label), label)
    }
    for (const label of groupings(expr)) t.true(known.has(label), label)
    for (const pair of expr.match(/direction="[^"]*"/g) ?? []) t.true(pairs.has(pair), pair)
    for (const [, label = ''] of told.matchAll(/\{\{\s*(\w+)\s*\}\}/g))
      t.true(known.has(label), label)
  })
}

test('the migration listener is watched before its end and after it, and shown', (t) => {
  const of = (text: string) => queries.filter(({ expr }) => expr.includes(text))
  const until = of('sidecar_migration_until_timestamp_seconds')
  t.true(until.filter(({ of: what }) => what.startsWith('alert')).length >= 2)
  t.true(until.some(({ of: what }) => what.startsWith('panel')))
  t.true(of('sidecar_requests_total{direction="plain"').length >= 2)
})

test('docs/metrics.md lists every metric and no other, with its labels', (t) => {
  const rows = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8').matchAll(
    /^\| `(sidecar_\w+)` \|([^|]*)\|/gm,
  )
  const page = new Map(
    [...rows].map(([, name = '', labels = '']) => [name, labels.match(/\w+/g) ?? []]),
  )
  const types = [...documented.matchAll(/^# TYPE (sidecar_\w+) (\w+)/gm)]
  const names = types.map(([, name = '']) => name)
  t.deepEqual([...page.keys()].sort(), names.sort())
  for (const [, name = '', type = ''] of types) {
    const own = series.get(type === 'histogram' ? `${name}_bucket` : name) ?? new Set()
    const labels = [...own].filter((label) => label !== 'le').sort()
    if (own.size > 0) t.deepEqual([...(page.get(name) ?? [])].sort(), labels, name)
  }
})

test('docs/alerts.md has a row for each alert, and for no other', (t) => {
  const page = readFileSync(join(ROOT, 'docs/alerts.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(Sidecar\w+)` \|/gm)].map(([, name = '']) => name)
  t.deepEqual(
    rows,
    rules.map(({ alert }) => alert),
  )
  const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')).prometheusRule
  for (const [, key = '', value] of page.matchAll(/`(\w+(?:Hours|Days))` \((\d+)\)/g))
    t.is(values[key], Number(value), key)
})

test('connections that end because they are idle or old are no overload, every other limit is', (t) => {
  const expr = rules.find(({ alert }) => alert === 'SidecarOverloaded')?.expr ?? ''
  const [, left = ''] = /sidecar_limits_hit_total\{limit!~"([^"]*)"\}/.exec(expr) ?? []
  const out = LIMITS.filter((limit) => new RegExp(`^(?:${left})$`).test(limit))
  t.deepEqual(out, ['idleMs', 'connectionMaxAgeMs', 'databaseIdleMs', 'kafka.idleMs'])
})

test('what anyone may send to `public` makes no alert about modules', (t) => {
  for (const name of ['SidecarForgedRequests', 'SidecarUndeclaredCalls']) {
    const expr = rules.find(({ alert }) => alert === name)?.expr ?? ''
    t.regex(expr, /^increase\(sidecar_refusals_total\{direction!="public",/, name)
  }
})

test('reasons in the alerts are reasons', (t) => {
  const named = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/reason=~?"([^"]*)"/g)].flatMap(([, list = '']) => list.split('|')),
  )
  t.true(named.length > 5)
  for (const reason of named)
    t.true(
      ALL_REASONS.some((known) => known === reason),
      reason,
    )
})
