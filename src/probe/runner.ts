import { setTimeout as sleep } from 'node:timers/promises'
import { type Attack, applies, atHand } from './attack.ts'
import type { Context } from './context.ts'
import { masked } from './evidence.ts'
import { type AttackFinding, notTried } from './finding.ts'
import type { NotTried, Result } from './result.ts'

/** One caller's attacks on the target: its context, and which attacks it runs. */
export interface AttackRound {
  /** A module id, or null for an outsider. */
  readonly as: string | null
  readonly context: Context
  readonly attacks: readonly Attack[]
}

/** The load on a target. */
export interface ProbePace {
  /** Attacks at a time. */
  readonly parallel: number
  /** Maximum number of attacks started per second: a probe must not be a flood. */
  readonly perSecond: number
  /** Called after each attack: how many are done, of how many. */
  onProgress?(done: number, all: number): void
}

/** Splits attacks into those that can be tried and those that cannot, with the reason. */
export function choose(attacks: readonly Attack[], context: Context) {
  const tried = attacks.filter((attack) => applies(attack, context))
  const left: NotTried[] = attacks
    .filter((attack) => !applies(attack, context))
    .map((attack) => ({ attack, why: whyNot(attack, context) }))
  return { tried, left }
}

const GIVEN_BY = {
  credentials: '--credentials',
  authority: '--ca',
  revocation: 'a certificate revoked by that CA',
  mismatch: '--ca, and --descriptors with an unmet requirement',
  closed: '--descriptors',
  'colluding-module': 'a hijacked module that answers for us',
  impostor: '--listen, --ask and --credentials',
  identity: '--trust or --expect',
  'user-token': '--harvested user=FILE',
  'module-token': '--harvested module=FILE',
  'old-token': '--harvested old=FILE',
  database: '--postgres',
  'database-server': '--postgres-server',
  kafka: '--kafka',
  'kafka-broker': '--kafka-broker',
} as const

function whyNot({ needs = [], against }: Attack, context: Context): string {
  if (against !== undefined && against !== context.role) {
    return against === 'okapi'
      ? 'is for Okapi only: --at okapi'
      : 'is for modules only: --at module'
  }
  const have = atHand(context)
  const lacking = needs.filter((need) => !have.has(need)).map((need) => GIVEN_BY[need])
  return `needs ${lacking.join(' and ')}`
}

/** Runs all rounds. Attacks that wait on purpose start first; the signal in the context ends all. */
export async function play(rounds: readonly AttackRound[], pace: ProbePace): Promise<Result[]> {
  const queue = rounds
    .flatMap(({ as, context, attacks }) => attacks.map((attack) => ({ as, context, attack })))
    .toSorted((a, b) => Number(b.attack.slow === true) - Number(a.attack.slow === true))
  const results: Result[] = []
  let next = 0
  let done = 0
  let mayBeginAt = performance.now()
  const worker = async () => {
    for (let job = queue[next++]; job !== undefined; job = queue[next++]) {
      const wait = mayBeginAt - performance.now()
      mayBeginAt = Math.max(mayBeginAt, performance.now()) + 1000 / pace.perSecond
      if (wait > 0)
        await sleep(wait, undefined, { signal: job.context.signal }).catch(() => undefined)
      results.push(await playOne(job.attack, job.context, job.as))
      done += 1
      pace.onProgress?.(done, queue.length)
    }
  }
  await Promise.all(Array.from({ length: pace.parallel }, worker))
  const place = new Map(rounds.flatMap(({ attacks }) => attacks).map((attack, i) => [attack, i]))
  return results.toSorted((a, b) => place.get(a.attack)! - place.get(b.attack)!)
}

async function playOne(attack: Attack, context: Context, as: string | null): Promise<Result> {
  const began = performance.now()
  const { outcome, reason, because, evidence } = await judged(attack, context)
  // A hostile target chooses some of these words; they end up on terminals and in reports.
  const said = { reason: reason === null ? null : masked(reason), because: masked(because) }
  return { outcome, ...said, evidence, attack, as, tookMs: Math.round(performance.now() - began) }
}

/** An attack that did not finish in time, or failed because of our own bug, gives no verdict on the target. */
async function judged(attack: Attack, context: Context): Promise<AttackFinding> {
  const { signal } = context
  if (signal.aborted) return notTried('the deadline of the run came first')
  const { promise, resolve } = Promise.withResolvers<AttackFinding>()
  const late = () => resolve(notTried('the deadline of the run came first'))
  signal.addEventListener('abort', late)
  attack.run(context).then(resolve, (error: Error) => {
    resolve(notTried(`the attack itself failed: ${error.message}`))
  })
  const finding = await promise
  signal.removeEventListener('abort', late)
  return finding
}
