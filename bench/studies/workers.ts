import { nginx } from '../candidates/nginx.ts'
import { okapiSidecar } from '../candidates/okapi-sidecar.ts'
import { Chains } from '../chains.ts'
import { ALL_CPUS } from '../measure/pinning.ts'
import { measure } from '../measure/rounds.ts'
import { rowsOf } from '../report/rows.ts'
import { small } from '../scenarios.ts'
import { type Study, wrkCell } from './study.ts'

/**
 * One thread against several, where the proxies may use every CPU; load and backend take theirs of the
 * same CPUs, so throughput shows less than proxies with CPUs of their own would reach.
 */
export const workers: Study = {
  title: 'With several threads, proxies on all CPUs: throughput, and CPU per request',
  async run({ site, options, plan }) {
    const chains = new Chains()
    const cpus = ALL_CPUS
    const several = { cpus, workers: options.workers }
    const name = `workers-${options.workers}`
    try {
      await chains.add(() => nginx(site, 'nginx'))
      await chains.add(() => okapiSidecar(site, 'workers-1', { cpus }))
      await chains.add(() => okapiSidecar(site, name, several))
      await chains.add(() => okapiSidecar(site, 'http1-workers-1', { cpus, link: false }))
      await chains.add(() => okapiSidecar(site, `http1-${name}`, { ...several, link: false }))
      const idle = await chains.idle()
      const loads = [small(32), small(256)]
      const cells = chains.all.flatMap((chain) => loads.map((load) => wrkCell(site, chain, load)))
      return rowsOf(await measure(cells, plan), idle)
    } finally {
      await chains.stop()
    }
  },
}
