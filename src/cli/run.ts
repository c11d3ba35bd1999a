import { parseArgs } from 'node:util'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { sentence } from '../fault.ts'
import { createLog, type Log, type LogDestination, type Logger } from '../observe/log.ts'
import { Sidecar } from '../sidecar.ts'

/** Time from ready to the single garbage collection: nothing waits any more, and few requests have come. */
const CALM_MS = 1000

export const usage = `okapi-sidecar run: serve

Serves until it gets a signal. When every listener is open it logs one JSON line
with "msg":"ready" and "listening", and serves only from then on: a start that
fails has answered no call. SIGTERM or SIGINT: no new connections, open
exchanges finish, then the process ends; a second signal ends it at once. Before
that SIGUSR2, which the verb leave sends, makes callers use other addresses;
nothing is closed.
SIGHUP does nothing: credentials, descriptors and grants are watched, and a
changed configuration needs a restart.

With workers above 1 that many threads serve. When one of them dies the others
finish their exchanges and the process ends.

Options:
    -c, --config FILE   the configuration; default sidecar.yaml. Every key can
                        be set by environment: SIDECAR_ and its path, as in
                        SIDECAR_LOG_LEVEL

Exit codes: 0 stopped by a signal, all exchanges finished; 1 a thread died or
exchanges were cut; 2 wrong usage or configuration

Example:
    okapi-sidecar run -c sidecar.yaml
`

/** Serves until a signal comes. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { config: { type: 'string', short: 'c' } },
  })
  return serve({ file: values.config, env: process.env }, (log) => {
    if (!endsWithTerminal()) process.on('SIGHUP', () => log.warn(NO_RELOAD, 'not reloaded'))
    return { stop: stopSignal(log), leave: once('SIGUSR2') }
  })
}

/** The path of the configuration, and the destination of the log if not standard output. */
interface Place {
  readonly file: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly destination?: LogDestination
}

/** The signals to a sidecar; each promise resolves to the name of its signal. */
export interface Orders {
  readonly stop: Promise<NodeJS.Signals>
  readonly leave: Promise<NodeJS.Signals>
}

/**
 * Serves until it is told to stop; resolves to the exit code, or throws a Fault. `orders` is called before
 * anything is started, so that no signal is lost and a start that waits for something can be ended.
 */
export async function serve(
  { file, env, destination }: Place,
  orders: (log: Logger) => Orders,
): Promise<number> {
  const { config, problems } = loadConfig(file, env)
  const log = createLog({ level: config.log.level, ...(destination && { destination }) })
  for (const problem of problems) {
    log.log.warn({ problem: sentence(problem), hint: problem.hint }, 'configuration warning')
  }
  try {
    return await live(config, log, orders(log.log))
  } finally {
    await log.destination.flush()
  }
}

/** Start, serving, and drain. */
async function live(config: Config, log: Log, { stop, leave }: Orders): Promise<number> {
  const sidecar = await Promise.race([Sidecar.start(config, log), stop])
  if (typeof sidecar === 'string') {
    log.log.info({ signal: sidecar }, 'stopped before it was ready')
    return 0
  }
  void leave.then((signal) => {
    log.log.info({ signal }, 'leaving')
    sidecar.leave(signal)
  })
  const end = sidecar.died === undefined ? stop : Promise.race([stop, sidecar.died])
  try {
    const complete = sidecar.complete.then(() => true)
    if (await Promise.race([complete, end.then(() => false)])) await tellReady(config, log, sidecar)
  } catch (error) {
    await sidecar.drain()
    throw error
  }
  const signal = await end
  log.log.info({ ...(signal && { signal }) }, 'draining')
  const drained = await sidecar.drain(signal ?? undefined)
  log.log.info({ drained }, 'stopped')
  return drained && signal ? 0 : 1
}

async function tellReady(config: Config, { log, destination }: Log, sidecar: Sidecar) {
  const { migration, module } = config
  const { listening } = sidecar
  const plain = migration && { plainUntil: new Date(migration.until).toISOString() }
  log.info({ module: module.id, listening, ...plain }, 'ready')
  await destination.flush()
  giveBack()
}

/**
 * Returns memory that was only needed for the start to the system: 5 of 25 MB, once, in 35 ms. Only if
 * Node was started with --expose-gc, as in the image.
 */
function giveBack(): void {
  const collect = () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  setTimeout(collect, CALM_MS).unref()
}

/** Resolves when this signal comes; further ones have no effect. */
function once(signal: NodeJS.Signals): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.on(signal, resolve)
  })
}

/** Users of other servers may send it to reload; without a handler it would end the process. */
const NO_RELOAD = {
  signal: 'SIGHUP',
  hint: 'credentials, descriptors and grants are watched; a changed configuration needs a restart',
}

/** If it runs in the foreground of a terminal, it drains when that terminal is closed. */
function endsWithTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true
}

/** Resolves at the first signal; the second ends the process at once. */
function stopSignal(log: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    const hangUp = endsWithTerminal() ? (['SIGHUP'] as const) : []
    for (const signal of ['SIGTERM', 'SIGINT', ...hangUp] as const) {
      process.on(signal, () => {
        if (asked) {
          log.warn({ signal }, 'stopped at once by a second signal: open exchanges were cut')
          process.exit(1)
        }
        asked = true
        resolve(signal)
      })
    }
  })
}
