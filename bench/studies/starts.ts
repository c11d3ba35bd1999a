import { setTimeout as pause } from 'node:timers/promises'
import { nginx } from '../candidates/nginx.ts'
import { startIngress } from '../candidates/okapi-sidecar.ts'
import { PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { largest } from '../measure/rounds.ts'
import type { Idle } from '../report/rows.ts'
import { OKAPI } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'

const HERE = new URL('../..', import.meta.url).pathname
const BARE = new URL('../bare-listener.js', import.meta.url).pathname
const STARTS = 5
/** Until what a start leaves behind has calmed down. */
const CALM_MS = 1500

type Starter = (round: number) => Promise<readonly Measured[]>

/**
 * From spawn to the first connection taken, and memory before anybody has called: one process of each
 * kind, against a bare TLS listener of the same Node.
 */
export async function measureStarts(
  site: Site,
  progress: (doing: string) => void,
): Promise<Map<string, Idle>> {
  const starters: Readonly<Record<string, Starter>> = {
    'bare tls.createServer': async (round) => [await bare(site, round)],
    'okapi-sidecar': async (round) => [
      await startIngress(site, `start-${round}`, await freePort(), {}),
    ],
    'okapi-sidecar, from sources': async (round) => [
      await startIngress(site, `sources-${round}`, await freePort(), { checkout: HERE }),
    ],
    nginx: async (round) => {
      const { egress, ingress } = await nginx(site, `start-nginx-${round}`)
      return [ingress, egress]
    },
  }
  const seen = new Map<string, Idle[]>()
  for (let round = 0; round < STARTS; round++) {
    for (const [name, starter] of Object.entries(starters)) {
      progress(`starting ${name}, round ${round + 1}`)
      const processes = await starter(round)
      if (round === 1) await pause(CALM_MS)
      const measured = { readyMs: [processes[0]!.readyMs], ...largest(processes) }
      await Promise.all(processes.map((process) => process.stop()))
      seen.set(name, [...(seen.get(name) ?? []), measured])
    }
  }
  return new Map([...seen].map(([name, rounds]) => [name, together(rounds)]))
}

/** All times, and the memory of the round that had time to calm down. */
function together(rounds: readonly Idle[]): Idle {
  return { ...rounds[1]!, readyMs: rounds.flatMap(({ readyMs }) => readyMs) }
}

async function bare(site: Site, round: number): Promise<Measured> {
  const port = await freePort()
  return start({
    name: 'a bare TLS listener',
    command: [process.execPath, BARE, String(port), `${site.certs}/${OKAPI}`],
    cpu: PROXY_CPU,
    port,
    errorFile: `${site.directory}/bare-${round}.log`,
  })
}
