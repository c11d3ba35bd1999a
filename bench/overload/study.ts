import { okapiSidecar } from '../candidates/okapi-sidecar.ts'
import { wholeWay } from '../candidates/whole-way.ts'
import { wrk } from '../load/wrk.ts'
import { LOAD_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { type Plan, pair } from '../measure/rounds.ts'
import { ratio } from '../report/numbers.ts'
import { columns } from '../report/tables.ts'
import { small } from '../scenarios.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import { median } from '../stats.ts'
import type { Bottleneck } from './bottleneck.ts'
import { okapisSidecar } from './okapis-sidecar.ts'
import { headOf, type OpenLoopResult, openLoop } from './open-loop.ts'

/** Times the best rate; the last is to show that what was before has left nothing behind. */
const TIMES = [1, 2, 4, 0.5] as const
const CONNECTIONS = 1000
const WARM_UP_SECONDS = 2
const CALM_SECONDS = 5
/** What the module does at a time, and milliseconds of one call. */
const [WORKERS, WORK_MS] = [16, 20]
const BUSY_MODULE = new URL('busy-module.ts', import.meta.url).pathname

/** One chain at so many times its best rate: medians of the rounds. */
export interface OverloadRow {
  readonly bottleneck: string
  readonly times: number
  /** Of the best rate in the same round. */
  readonly goodput: number
  readonly answeredP50Ms: number
  readonly answeredP99Ms: number
  /** Of all that was asked. */
  readonly refusedPart: number
  readonly refusedP50Ms: number
  readonly refusedP99Ms: number
}

/**
 * `npm run bench -- --overload`: more is asked than can be served, by callers that do not wait for answers. The
 * bottleneck is the CPU of two sidecars, or of Okapi's alone, with `limits.turnMs` off and on; or a module, with
 * `limits.adaptive` off and on.
 */
export async function overloadStudy(site: Site, plan: Plan): Promise<readonly OverloadRow[]> {
  const started: { stop(): Promise<void> }[] = []
  try {
    const bottlenecks = await open(site, started)
    const seen = new Map<string, { best: number; result: OpenLoopResult }[]>()
    for (let round = 0; round < plan.rounds; round++) {
      for (const one of bottlenecks) {
        plan.progress(`${one.name}: round ${round + 1}`, round, plan.rounds)
        const best = await one.best(plan.seconds)
        for (const times of TIMES) {
          const warmUpSeconds = times < 1 ? 0 : WARM_UP_SECONDS
          const perSecond = Math.round(best * times)
          const result = await one.asked({ perSecond, warmUpSeconds, seconds: plan.seconds })
          const key = `${one.name} ${times}`
          seen.set(key, [...(seen.get(key) ?? []), { best, result }])
        }
      }
    }
    return bottlenecks.flatMap(({ name }) =>
      TIMES.map((times) => rowOf(name, times, seen.get(`${name} ${times}`) ?? [])),
    )
  } finally {
    await Promise.all(started.map((each) => each.stop()))
  }
}

/** Over HTTP/1.1, from many connections. */
function askedAt(port: number): Bottleneck['asked'] {
  const head = headOf(small(1), port)
  return (load) => openLoop({ head, port, connections: CONNECTIONS, ...load })
}

async function open(site: Site, started: { stop(): Promise<void> }[]): Promise<Bottleneck[]> {
  const { directory, tools } = site
  const keep = <T extends { stop(): Promise<void> }>(one: T): T => {
    started.push(one)
    return one
  }
  const closed = (port: number) => async (seconds: number) =>
    (await wrk(tools.wrk, small(32), { port, seconds, directory })).perSecond
  const bottlenecks: Bottleneck[] = []
  for (const [name, link] of [
    ['sidecars, link', true],
    ['sidecars, HTTP/1.1', false],
  ] as const) {
    const chain = await okapiSidecar(site, `overload-${link}`, { link })
    for (const process of pair(chain)) keep(process)
    const best = closed(chain.port)
    await best(WARM_UP_SECONDS * 2)
    bottlenecks.push({ name, best, asked: askedAt(chain.port) })
  }
  for (const turnMs of [0, 2]) {
    const name = turnMs === 0 ? 'Okapi’s sidecar' : 'Okapi’s sidecar, turnMs'
    const bottleneck = await okapisSidecar(site, name, { turnMs })
    keep(bottleneck)
    await bottleneck.best(WARM_UP_SECONDS * 2)
    bottlenecks.push(bottleneck)
  }
  const module = keep(await busyModule(site))
  for (const [name, tolerance] of [
    ['module', 0],
    ['module, adaptive', 2],
  ] as const) {
    const callee = { port: module.port, limits: { adaptive: { tolerance } } }
    const { port } = keep(await wholeWay(site, `overload-${tolerance}`, {}, callee))
    // It is known what it does at best, when its workers are never idle.
    const perSecond = (WORKERS / WORK_MS) * 1000
    const asked = askedAt(port)
    bottlenecks.push({ name, best: async () => perSecond, asked })
    // So that what is usual is known.
    await asked({ perSecond: perSecond / 2, warmUpSeconds: 0, seconds: CALM_SECONDS })
  }
  return bottlenecks
}

async function busyModule({ directory }: Site): Promise<Measured & { readonly port: number }> {
  const port = await freePort()
  const command = [process.execPath, BUSY_MODULE, ...[port, WORKERS, WORK_MS].map(String)]
  const errorFile = `${directory}/busy-module.log`
  const measured = await start({ name: 'the module', command, cpu: LOAD_CPU, port, errorFile })
  return { ...measured, port }
}

function rowOf(
  bottleneck: string,
  times: number,
  seen: readonly { best: number; result: OpenLoopResult }[],
): OverloadRow {
  const middle = (of: (one: OpenLoopResult, best: number) => number) =>
    median(seen.map(({ result, best }) => of(result, best)).filter(Number.isFinite))
  return {
    bottleneck,
    times,
    goodput: middle(({ answered }, best) => answered.perSecond / best),
    answeredP50Ms: middle(({ answered }) => answered.p50Ms),
    answeredP99Ms: middle(({ answered }) => answered.p99Ms),
    refusedPart: middle(({ answered, refused, notSentPerSecond }) => {
      const asked = answered.perSecond + refused.perSecond + notSentPerSecond
      return refused.perSecond / asked
    }),
    refusedP50Ms: middle(({ refused }) => refused.p50Ms),
    refusedP99Ms: middle(({ refused }) => refused.p99Ms),
  }
}

/** As it is shown; times in milliseconds. */
export function overloadTable(rows: readonly OverloadRow[]): string {
  const ms = (value: number) => (Number.isFinite(value) ? value.toFixed(1) : '-')
  return columns(
    ['bottleneck', 'times', 'goodput', 'p50 ms', 'p99 ms', 'refused', 'p50 ms', 'p99 ms'],
    rows.map((row, i) => [
      rows[i - 1]?.bottleneck === row.bottleneck ? '' : row.bottleneck,
      String(row.times),
      ratio(row.goodput),
      ms(row.answeredP50Ms),
      ms(row.answeredP99Ms),
      ratio(row.refusedPart),
      ms(row.refusedP50Ms),
      ms(row.refusedP99Ms),
    ]),
  )
}
