import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault, fault } from '../src/fault.ts'
import { drawUp } from './account.ts'
import { grown, type Held, settled } from './holdings.ts'
import { readLedger } from './ledger.ts'
import { Load, type Told } from './load.ts'
import { withOwnMounts } from './machine.ts'
import { drawMode, modeText } from './mode.ts'
import { type ChaosOptions, parseOptions, usage } from './options.ts'
import type { Program } from './program.ts'
import { Random } from './random.ts'
import { asJson, isFine, printed, type Report } from './report.ts'
import { FAULTS, Schedule } from './schedule.ts'
import { openSite, type Site } from './site.ts'
import { Starvation } from './starvation.ts'
import { Tokens } from './tokens.ts'
import { named, waitedFor } from './waits.ts'

const CALLER_IDLE_MS = 4000
/** Of the whole time, before and after the faults; at most so long. */
const WARM_SHARE = 0.15
const WARM_MOST_MS = 45_000
const TELL_EVERY_MS = 1000
/** Of all that is not the time that was asked for: starts, what is left of faults and calls, the end. */
const OVERTIME_MS = 600_000

async function chaos(options: ChaosOptions): Promise<number> {
  const { seed, minutes, rate, keep, lies, only, peers } = options
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
  endInTime(minutes)
  const mode = drawMode(new Random(seed + 2), options.mode)
  say(`seed ${seed}, ${minutes} min, ${rate} calls a second, ${modeText(mode)}`)
  const main = peers === undefined ? undefined : join(peers, 'src/main.ts')
  const opening = openSite({ mode, lies, keep, peers: main })
  const site = await named('starting everything', opening)
  try {
    const report = await run(site, options)
    process.stdout.write(options.json ? asJson(report) : printed(report))
    if (keep) say(`kept ${site.directory}`)
    return isFine(report) ? 0 : 1
  } finally {
    await named('ending everything', site.close())
  }
}

/** A run always ends: one that hangs says on what. */
function endInTime(minutes: number): void {
  const late = () => {
    const waits = waitedFor().map((each) => `  ${each}\n`)
    say(`chaos: error: ${OVERTIME_MS / 60_000} minutes late; what it waits for:\n${waits.join('')}`)
    process.exit(1)
  }
  setTimeout(late, minutes * 60_000 + 2 * WARM_MOST_MS + OVERTIME_MS).unref()
}

async function run(site: Site, options: ChaosOptions): Promise<Report> {
  const { seed, minutes, rate, only } = options
  const kinds = FAULTS.filter(({ kind }) => only.length === 0 || only.includes(kind))
  const warmMs = Math.min(WARM_MOST_MS, minutes * 60_000 * WARM_SHARE)
  const tokens = new Tokens(site.modules, site.okapiSidecar, new Random(seed + 3))
  const plan = { port: site.entrance, rate, idleMs: CALLER_IDLE_MS, tokens }
  const load = () => new Load(plan, calls, told)
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
    try {
      await named(name, act())
    } finally {
      clearInterval(tell)
    }
  }
  try {
    const under = async (act: () => Promise<unknown>) => {
      const each = load()
      each.start()
      const handing = tokens.run()
      await act()
      await each.stop()
      tokens.stop()
      await handing
    }
    await stage('warming up', () => under(() => pause(warmMs)))
    say('settling')
    const before = await named('settling', settled(site.programs))
    await stage('chaos', () => under(() => schedule.run(performance.now() + minutes * 60_000)))
    await stage('calm', () => under(() => pause(warmMs)))
    say('settling again')
    const judged = site.programs.filter((program) => program !== site.okapi)
    const after = await named('settling again', settled(judged, before))
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
    const account = drawUp(told, ledgers, schedule.struck, site.okapiSidecar.starts)
    const { struck } = schedule
    const { mode } = site
    return { seed, minutes, mode, account, struck, held, wrong, skipped: site.machine.skipped }
  } finally {
    clearInterval(drain)
    starvation.stop()
  }
}

/** Nothing runs any more, so sidecars must know of nothing. */
async function stillOpen(site: Site): Promise<string[]> {
  const wrong: string[] = []
  for (const sidecar of site.sidecars.all) {
    for (const series of ['sidecar_exchanges_open', 'sidecar_buffered_bytes']) {
      const value = await site.sidecars.metric(sidecar, series)
      if (value !== 0) wrong.push(`${sidecar.name}: ${series} is ${value} when nothing runs`)
    }
  }
  return wrong
}

/** Ends all; what ended badly, now or before. */
async function end(site: Site): Promise<string[]> {
  const wrong: string[] = []
  const sidecars = new Set<Program>(site.sidecars.all)
  const others = site.programs.filter((program) => !sidecars.has(program))
  for (const together of [others, site.sidecars.all]) {
    const codes = await Promise.all(together.map((program) => program.stop()))
    for (const [i, program] of together.entries()) {
      const code = codes[i]!
      if (code !== 0 && sidecars.has(program)) wrong.push(`${program.name} ended with ${code}`)
      wrong.push(...program.complaints)
    }
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
