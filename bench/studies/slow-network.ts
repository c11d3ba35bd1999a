import { type okapiSidecar, startEgress, startIngress } from '../candidates/okapi-sidecar.ts'
import { wrk } from '../load/wrk.ts'
import { LOAD_CPU } from '../measure/pinning.ts'
import { start } from '../measure/process.ts'
import { type Cell, measure, pair } from '../measure/rounds.ts'
import { type Row, rowsOf } from '../report/rows.ts'
import { large, small } from '../scenarios.ts'
import { CALLER } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Bench, Study } from './study.ts'

const RELAY = new URL('../load/slow-relay.js', import.meta.url).pathname
const BYTES_PER_SECOND = 25e6
const BIG = 4

type Chain = Awaited<ReturnType<typeof okapiSidecar>>

/** Do small calls wait behind large bodies where the network is slower than the machine? */
export const slowNetwork: Study = {
  title: `8 callers of 1 KB over a network of ${BYTES_PER_SECOND / 1e6} MB/s, alone and beside ${BIG} of 1 MiB`,
  async run({ site, plan }: Bench): Promise<Row[]> {
    const chains: Chain[] = []
    const relays: Awaited<ReturnType<typeof start>>[] = []
    try {
      for (const link of [true, false]) {
        const name = link ? 'okapi-sidecar' : 'okapi-sidecar-http1'
        const [mutualPort, relayPort] = [await freePort(), await freePort()]
        const ingress = await startIngress(site, `slow-${name}-ingress`, mutualPort, { link })
        const limits = [relayPort, mutualPort, BYTES_PER_SECOND].map(String)
        relays.push(
          await start({
            name: 'a slow network',
            command: [process.execPath, RELAY, ...limits],
            cpu: LOAD_CPU,
            port: relayPort,
            errorFile: `${site.directory}/slow-relay.log`,
          }),
        )
        const caller = { link, mutualPort: relayPort, caller: CALLER }
        const { process: egress, port } = await startEgress(site, `slow-${name}-egress`, caller)
        chains.push({ candidate: name, port, mutualPort, egress, ingress })
      }
      const cells = chains.flatMap((chain) => [
        cell(chain, 'slow, alone', 0),
        cell(chain, 'slow, beside large', BIG),
      ])
      return rowsOf(await measure(cells, plan))
    } finally {
      await Promise.all([...relays, ...chains.flatMap(pair)].map((each) => each.stop()))
    }

    function cell(chain: Chain, group: string, big: number): Cell {
      const { directory, tools } = site
      const load = { port: chain.port, directory }
      return {
        group,
        candidate: chain.candidate,
        processes: pair(chain),
        load: async (seconds) => {
          const bodies = { ...large('slow-large', 1_048_576, big) }
          const beside = big === 0 ? undefined : wrk(tools.wrk, bodies, { ...load, seconds })
          const seen = await wrk(
            tools.wrk,
            { ...small(8), name: 'slow-small' },
            { ...load, seconds },
          )
          await beside
          return seen
        },
      }
    }
  },
}
