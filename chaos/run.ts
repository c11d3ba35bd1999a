import { setTimeout as pause } from 'node:timers/promises'
import { Fault, fault } from '../src/fault.ts'
import { drawUp } from './account.ts'
import { grown, type Held, settled } from './holdings.ts'
import { readLedger } from './ledger.ts'
import { Load, type Told } from './load.ts'
import { withOwnMounts } from './machine.ts'
import { type ChaosOptions, parseOptions, usage } from './options.ts'
import { Random } from './random.ts'
import { asJson, isFine, printed, type Report } from './report.ts'
import { FAULTS, Schedule } from './schedule.ts'
import { openSite, type Site } from './site.ts'
import { Starvation } from './starvation.ts'

const CALLER_IDLE_MS = 4000
/** Of the whole time, before and after the faults; at most so long. */
const WARM_SHARE = 0.15
const WARM_MOST_MS = 45_000
const TELL_EVERY_MS = 1000

async function chaos(options: ChaosOptions): Promise<number> {
  const { seed, minutes, rate, keep, lies, only } = options
  for (const kind of only) {
    if (!FAULTS.some((each) => each.kind === kind))
      throw fault(
        `--only ${kind} is no kind of fault: ${FAULTS.map((each) => each.kind).join(', ')}`,
      )
  }
  // What was started ends with this process, also when a signal ends it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(1))
  }
  say(`seed ${seed}, ${minutes} min, ${rate} calls a second`)
  const site = await openSite(lies, keep)
  try {
    const report = await run(site, options)
    process.stdout.write(options.json ? asJson(report) : printed(report))
    if (keep) say(`kept ${site.directory}`)
    return isFine(report) ? 0 : 1
  } finally {
    await site.close()
  }
}

async function run(site: Site, options: ChaosOptions): Promise<Report> {
  const { seed, minutes, rate, only } = options
  const kinds = FAULTS.filter(({ kind }) => only.length === 0 || only.includes(kind))
  const warmMs = Math.min(WARM_MOST_MS, minutes * 60_000 * WARM_SHARE)
  const load = () => new Load(site.entrance, rate, CALLER_IDLE_MS, calls, told)
  const told: Told[] = []
  // Each its own numbers: how many calls there are does not change which faults come.
  const calls = new Random(seed)
  const schedule = new Schedule(site, new Random(seed + 1), kinds)
  const starvation = new Starvation(site.programs, schedule.struck)
  const drain = setInterval(() => {
    // What the stand-in remembers for the demo is none of ours.
    for (const ask of ['seen', 'steps']) site.okapi.tell(JSON.stringify({ ask }))
  }, TELL_EVERY_MS)
  const stage = async (name: string, act: () => Promise<void>) => {
    const began = performance.now()
    const tell = setInterval(() => {
      const s = Math.round((performance.now() - began) / 1000)
      progress(`${name} ${s} s, ${told.length} calls, ${schedule.struck.length} faults`)
    }, TELL_EVERY_MS)
    await act()
    clearInterval(tell)
  }
  try {
    const under = async (act: () => Promise<unknown>) => {
      const each = load()
      each.start()
      await act()
      await each.stop()
    }
    await stage('warming up', () => under(() => pause(warmMs)))
    const before = await settled(site.programs)
    await stage('chaos', () => under(() => schedule.run(performance.now() + minutes * 60_000)))
    await stage('calm', () => under(() => pause(warmMs)))
    const judged = site.programs.filter((program) => program !== site.okapi)
    const after = await settled(judged, before)
    const held: Held[] = judged.map(({ name }) => ({
      name,
      before: before.get(name)!,
      after: after.get(name)!,
    }))
    const wrong = [
      ...schedule.failed,
      ...grown(held),
      ...(await stillOpen(site)),
      ...(await end(site)),
    ]
    const ledgers = site.instances.map(({ ledger }) => readLedger(ledger))
    const account = drawUp(told, ledgers, schedule.struck)
    const { struck } = schedule
    return { seed, minutes, account, struck, held, wrong, skipped: site.machine.skipped }
  } finally {
    clearInterval(drain)
    starvation.stop()
  }
}

/** Nothing runs any more, so sidecars must know of nothing. */
async function stillOpen(site: Site): Promise<string[]> {
  const wrong: string[] = []
  for (const sidecar of site.sidecars) {
    for (const series of ['sidecar_exchanges_open', 'sidecar_buffered_bytes']) {
      const value = await site.metric(sidecar, series)
      if (value !== 0) wrong.push(`${sidecar.name}: ${series} is ${value} when nothing runs`)
    }
  }
  return wrong
}

/** Ends all; what ended badly, now or before. */
async function end(site: Site): Promise<string[]> {
  const wrong: string[] = []
  for (const program of site.programs) {
    const code = await program.stop()
    if (code !== 0 && site.sidecars.includes(program)) {
      wrong.push(`${program.name} ended with ${code}`)
    }
    wrong.push(...program.complaints)
  }
  return [...wrong, ...site.astray.map((each) => `it reached another module: ${each}`)]
}

/** To a person; `--json` has standard output for itself. */
function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

let told = 0
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(79)}`)
  else if (++told % 30 === 0) say(text)
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(usage)
  else process.exit((await withOwnMounts()) ?? (await chaos(options)))
} catch (error) {
  const known = error instanceof Fault || (error instanceof Error && 'code' in error)
  console.error(known && error instanceof Error ? `chaos: error: ${error.message}` : error)
  process.exit(known ? 2 : 1)
}
