import type { Plan } from '../measure/rounds.ts'
import { figure, ratio, whole } from '../report/numbers.ts'
import { columns } from '../report/tables.ts'
import { median, pairedRatios, spread } from '../stats.ts'
import { copy, type DatabaseSample, transactions } from './load.ts'
import { type DatabaseProxy, startProxies } from './proxies.ts'
import { openDatabaseSite } from './site.ts'
import { findDatabaseTools } from './tools.ts'

const COPY_BYTES = 1024 ** 3
const WARM_UP_SECONDS = 3

/** One proxy under one load: medians of the rounds. */
export interface DatabaseRow {
  readonly load: string
  readonly candidate: string
  readonly cpuMicros: number
  /** CPU over that of each other proxy in the same round, by its name: median, least, most. */
  readonly ratios: Readonly<Record<string, ReturnType<typeof spread>>>
  readonly p50Micros: number
  /** Median of the differences to stunnel in the same round. */
  readonly p50MoreThanStunnel: number
  readonly p99Micros: number
  readonly perSecond: number
}

type Load = (proxy: DatabaseProxy) => Promise<DatabaseSample>

/** `npm run bench -- --postgres`: the sidecar, PgBouncer and stunnel by turns before one PostgreSQL. */
export async function databaseStudy(
  { rounds, seconds, progress }: Plan,
  checkouts: ReadonlyMap<string, string>,
): Promise<readonly DatabaseRow[]> {
  const tools = findDatabaseTools()
  progress('PostgreSQL, certificates and a bundle', 0, 1)
  const site = await openDatabaseSite(tools)
  try {
    const proxies = await startProxies(site, checkouts)
    const select = (clients: number): [string, Load] => [
      `select-${clients}`,
      (proxy) => transactions(site, proxy, { clients, seconds }),
    ]
    const copying = (way: 'in' | 'out'): [string, Load] => [
      `copy-${way}-1GiB`,
      (proxy) => copy(site, proxy, { way, bytes: COPY_BYTES }),
    ]
    const loads = [select(1), select(16), select(64), copying('out'), copying('in')]
    const rows: DatabaseRow[] = []
    try {
      for (const proxy of proxies) {
        progress(`warming up ${proxy.candidate}`, 0, 1)
        await transactions(site, proxy, { clients: 16, seconds: WARM_UP_SECONDS })
        for (const way of ['out', 'in'] as const) {
          await copy(site, proxy, { way, bytes: COPY_BYTES / 8 })
        }
      }
      for (const [name, load] of loads) {
        const samples = new Map<DatabaseProxy, DatabaseSample[]>(proxies.map((one) => [one, []]))
        for (let round = 0; round < rounds; round++) {
          for (const k of proxies.keys()) {
            const proxy = proxies[(k + round) % proxies.length]!
            progress(`${name}: ${proxy.candidate}, round ${round + 1}`, round, rounds)
            samples.get(proxy)!.push(await load(proxy))
          }
        }
        rows.push(...rowsOf(name, samples))
      }
    } finally {
      await Promise.all(proxies.map(({ process }) => process.stop()))
    }
    return rows
  } finally {
    await site.close()
  }
}

function rowsOf(
  load: string,
  samples: ReadonlyMap<DatabaseProxy, readonly DatabaseSample[]>,
): readonly DatabaseRow[] {
  const byName = new Map([...samples].map(([{ candidate }, seen]) => [candidate, seen]))
  const stunnel = byName.get('stunnel') ?? []
  return [...byName].map(([candidate, seen]) => {
    const middle = (of: (sample: DatabaseSample) => number) => median(seen.map(of))
    const cpu = (all: readonly DatabaseSample[]) => all.map(({ cpuMicros }) => cpuMicros)
    const others = ['pgbouncer', 'stunnel'].map((name) => {
      return [name, spread(pairedRatios(cpu(seen), cpu(byName.get(name) ?? [])))] as const
    })
    return {
      load,
      candidate,
      cpuMicros: middle(({ cpuMicros }) => cpuMicros),
      ratios: Object.fromEntries(others),
      p50Micros: middle(({ p50Micros }) => p50Micros),
      p50MoreThanStunnel: median(
        seen.map(({ p50Micros }, i) => p50Micros - (stunnel[i]?.p50Micros ?? Number.NaN)),
      ),
      p99Micros: middle(({ p99Micros }) => p99Micros),
      perSecond: middle(({ perSecond }) => perSecond),
    }
  })
}

/** As it is shown: CPU of a transaction in microseconds, of a copy in milliseconds. */
export function databaseTable(rows: readonly DatabaseRow[]): string {
  const over = ({ ratios }: DatabaseRow, name: string) => {
    const found = ratios[name]
    if (found === undefined) return '-'
    return `${ratio(found.median)} (${ratio(found.least)}-${ratio(found.most)})`
  }
  return columns(
    [
      'load',
      'candidate',
      'CPU',
      '/stunnel',
      '/pgbouncer',
      'p50 us',
      'over stunnel',
      'p99 us',
      '/s',
    ],
    rows.map((row, i) => {
      const copied = row.load.startsWith('copy')
      return [
        rows[i - 1]?.load === row.load ? '' : row.load,
        row.candidate,
        copied ? `${figure(row.cpuMicros / 1000)} ms` : `${figure(row.cpuMicros)} us`,
        over(row, 'stunnel'),
        over(row, 'pgbouncer'),
        copied ? '-' : whole(row.p50Micros),
        copied ? '-' : whole(row.p50MoreThanStunnel),
        copied ? '-' : whole(row.p99Micros),
        copied ? `${figure(row.perSecond / 1e6)} MB` : whole(row.perSecond),
      ]
    }),
  )
}
