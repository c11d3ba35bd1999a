import { parseArgs } from 'node:util'
import { loadConfig } from '../config/load.ts'
import { sentence } from '../fault.ts'
import { createLog } from '../observe/log.ts'
import { Sidecar } from '../sidecar.ts'

/** From ready to the one collection of a life: nobody waits any more, few have come yet. */
const CALM_MS = 1000

export const usage = `Usage: okapi-sidecar run [-c FILE]

Serves until it is told to stop. When everything listens it logs one JSON line
with "msg":"ready" and "listening". SIGTERM and SIGINT drain: no new
connections, running exchanges finish; a second signal stops at once.

Options:
    -c, --config FILE   sidecar.yaml by default; every key can also be set as
                        SIDECAR_ and its path, for example SIDECAR_LOG_LEVEL

With workers above 1 that many threads serve; when one dies the others drain,
and the process ends.

Exit codes: 0 drained, 1 died or had to cut exchanges, 2 wrong configuration

Example:
    okapi-sidecar run -c sidecar.yaml
`

/** Serves until a signal comes. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { config: { type: 'string', short: 'c' } },
  })
  const { config, problems } = loadConfig(values.config, process.env)
  const log = createLog({ level: config.log.level })
  for (const problem of problems) {
    log.log.warn({ problem: sentence(problem), hint: problem.hint }, 'configuration')
  }
  // Before anybody is told that it is ready, who may then tell it to stop.
  const stop = stopSignal()
  const sidecar = await Sidecar.start(config, log)
  const { listening } = sidecar
  const { migration } = config
  const plain = migration && { plainUntil: new Date(migration.until).toISOString() }
  log.log.info({ module: config.module.id, listening, ...plain }, 'ready')
  await log.destination.flush()
  giveBack()
  const signal = await (sidecar.died === undefined ? stop : Promise.race([stop, sidecar.died]))
  log.log.info({ ...(signal && { signal }) }, 'draining')
  const drained = await sidecar.drain()
  log.log.info({ drained }, 'stopped')
  await log.destination.flush()
  return drained && signal ? 0 : 1
}

/**
 * What was read and compiled for the start goes back to the system: 5 of 25 MB, once, in 35 ms. Only
 * where Node was started with --expose-gc, as the image starts it.
 */
function giveBack(): void {
  const collect = () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  setTimeout(collect, CALM_MS).unref()
}

/** Resolves at the first signal; the second ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1)
        asked = true
        resolve(signal)
      })
    }
  })
}
