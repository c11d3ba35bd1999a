import type { Chain } from '../candidates/candidate.ts'
import { Chains } from '../chains.ts'
import { handshakes } from '../load/handshakes.ts'
import { paced } from '../load/paced.ts'
import { type Cell, measure } from '../measure/rounds.ts'
import { type Row, rowsOf } from '../report/rows.ts'
import { large, SCENARIOS, SIZES, small } from '../scenarios.ts'
import { type Bench, type Study, wrkCell } from './study.ts'

/** Measures cells of every chain that the options name, all of them up at once. */
async function compared(bench: Bench, cellsOf: (chain: Chain) => readonly Cell[]): Promise<Row[]> {
  const chains = new Chains()
  try {
    await chains.start(bench.site, bench.options)
    const idle = await chains.idle()
    return rowsOf(await measure(chains.all.flatMap(cellsOf), bench.plan), idle)
  } finally {
    await chains.stop()
  }
}

/** The scenarios that were asked for. */
export const scenarios: Study = {
  title: 'CPU of both proxies per request, and latency at full load',
  run(bench) {
    const chosen = SCENARIOS.filter(({ name }) => bench.options.scenarios.includes(name))
    return compared(bench, (chain) => chosen.map((one) => wrkCell(bench.site, chain, one)))
  },
}

const PACE = 2000

/** What a caller waits when the proxies are not at their limit. */
export const latency: Study = {
  title: `Latency at ${PACE} requests a second over 16 connections`,
  run(bench) {
    const scenario = { ...small(16), name: `paced-${PACE}` }
    return compared(bench, (chain) => [
      {
        group: scenario.name,
        candidate: chain.candidate,
        processes: [chain.egress, chain.ingress],
        load: (seconds) => paced({ scenario, port: chain.port, seconds, perSecond: PACE }),
      },
    ])
  },
}

/** Full handshakes: the CPU of the accepting side alone. */
export const newConnections: Study = {
  title: 'Full handshakes with a client certificate: CPU of the accepting side for each',
  run({ site, ...bench }) {
    return compared({ site, ...bench }, (chain) => [
      {
        group: 'handshake',
        candidate: chain.candidate,
        processes: [chain.ingress],
        load: (seconds) => handshakes(site, chain.mutualPort, Math.max(3, seconds)),
      },
    ])
  },
}

/** Does cost grow with the number of connections? */
export const connections: Study = {
  title: 'By number of connections',
  run(bench) {
    const loads = [1, 8, 32, 128, 400].map((count) => small(count))
    return compared(bench, (chain) => loads.map((load) => wrkCell(bench.site, chain, load)))
  },
}

/** And with the size of answers? */
export const bodies: Study = {
  title: 'By size of the answer, 8 connections',
  run(bench) {
    const loads = SIZES.map((bytes) => large(`body-${bytes}`, bytes))
    return compared(bench, (chain) => loads.map((load) => wrkCell(bench.site, chain, load)))
  },
}
