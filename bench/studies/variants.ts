import { join } from 'node:path'
import type { Chain } from '../candidates/candidate.ts'
import { nginx } from '../candidates/nginx.ts'
import { okapiSidecar, startEgress, startIngress } from '../candidates/okapi-sidecar.ts'
import { Chains } from '../chains.ts'
import { wrk } from '../load/wrk.ts'
import { type Cell, measure } from '../measure/rounds.ts'
import { type Row, rowsOf } from '../report/rows.ts'
import { folio, small, TOKEN_PATH } from '../scenarios.ts'
import { CALLERS } from '../site/certificates.ts'
import { writeDescriptors } from '../site/descriptors.ts'
import { freePort } from '../site/ports.ts'
import { type Bench, type Study, wrkCell } from './study.ts'

/** Measures chains that differ in one setting, under one load. */
async function varied(
  { site, plan }: Bench,
  group: string,
  open: readonly (() => Promise<Chain>)[],
): Promise<Row[]> {
  const chains = new Chains()
  try {
    for (const each of open) await chains.add(each)
    const load = { ...small(32), name: group }
    const cells = chains.all.map((chain) => wrkCell(site, chain, load))
    return rowsOf(await measure(cells, plan), await chains.idle())
  } finally {
    await chains.stop()
  }
}

/** What one line for each request costs, here and there. */
export const accessLog: Study = {
  title: 'With and without access log, 32 connections',
  run(bench) {
    const { site } = bench
    return varied(bench, 'log-32', [
      () => nginx(site, 'nginx'),
      () => nginx(site, 'nginx-log', { accessLog: true }),
      () => okapiSidecar(site, 'okapi-sidecar'),
      () => okapiSidecar(site, 'without-log', { accessLog: false }),
    ])
  },
}

const ENFORCED = { policy: { tokens: 'enforce', tokenGraceMs: 0 } }

/** What it costs to ask of each token whether Okapi has sent it, at both sidecars. */
export const tokens: Study = {
  title: 'With and without policy.tokens, calls with the lines of FOLIO, 32 connections',
  async run({ site, plan }) {
    const chains = new Chains()
    const load = folio()
    try {
      await chains.add(() => nginx(site, 'nginx'))
      await chains.add(() => okapiSidecar(site, 'okapi-sidecar'))
      const enforced = await chains.add(() => okapiSidecar(site, 'tokens', ENFORCED))
      const url = `http://127.0.0.1:${enforced.port}${TOKEN_PATH}`
      const answered = await fetch(url, { headers: { 'X-Okapi-Tenant': 'diku' } })
      if (!answered.ok) throw new Error(`no token was given: ${answered.status}`)
      const cells = chains.all.map((chain) => wrkCell(site, chain, { ...load, name: 'tokens-32' }))
      return rowsOf(await measure(cells, plan), await chains.idle())
    } finally {
      await chains.stop()
    }
  },
}

const ROUTES = [300, 2700]

/** The whole of FOLIO has about 2,700 routes. */
export const routes: Study = {
  title: 'By number of routes in the descriptors, 32 connections',
  async run(bench) {
    const { site } = bench
    const wide = ROUTES.map((count) => ({
      count,
      directory: join(site.directory, `routes-${count}`),
    }))
    for (const { count, directory } of wide) await writeDescriptors(directory, count)
    return varied(bench, 'routes-32', [
      () => nginx(site, 'nginx'),
      () => okapiSidecar(site, 'okapi-sidecar'),
      ...wide.map(
        ({ count, directory }) =>
          () =>
            okapiSidecar(site, `routes-${count}`, { descriptors: directory }),
      ),
    ])
  },
}

/** Many modules call one Okapi: CPU of Okapi's sidecar alone. */
export const peers: Study = {
  title: 'By number of calling sidecars, 32 connections in all: CPU of Okapi’s sidecar',
  async run(bench) {
    const rows: Row[] = []
    for (const count of [1, 4, 8]) rows.push(...(await manyPeers(bench, count)))
    return rows
  },
}

async function manyPeers({ site, plan }: Bench, count: number): Promise<Row[]> {
  const mutualPort = await freePort()
  const name = `peers-${count}`
  const ingress = await startIngress(site, `${name}-ingress`, mutualPort, {})
  const callers: Awaited<ReturnType<typeof startEgress>>[] = []
  try {
    for (const caller of CALLERS.slice(0, count)) {
      callers.push(await startEgress(site, `${name}-${caller}`, { mutualPort, caller }))
    }
    const { directory, tools } = site
    const cell: Cell = {
      group: name,
      candidate: 'okapi-sidecar',
      processes: [ingress],
      load: async (seconds) => {
        const loads = callers.map(({ port }, i) => {
          const scenario = { ...small(32 / count), name: `${name}-${i}` }
          return wrk(tools.wrk, scenario, { port, seconds, directory })
        })
        const seen = await Promise.all(loads)
        return {
          requests: seen.reduce((sum, { requests }) => sum + requests, 0),
          perSecond: seen.reduce((sum, { perSecond }) => sum + perSecond, 0),
          p50Micros: Math.max(...seen.map(({ p50Micros }) => p50Micros)),
          p99Micros: Math.max(...seen.map(({ p99Micros }) => p99Micros)),
        }
      },
    }
    return rowsOf(await measure([cell], plan))
  } finally {
    await Promise.all(
      [ingress, ...callers.map(({ process }) => process)].map((each) => each.stop()),
    )
  }
}
