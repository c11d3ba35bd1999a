import type { Account } from './account.ts'
import { countFiles, type Held } from './holdings.ts'
import { type Mode, modeOptions, modeText } from './mode.ts'
import type { Struck } from './schedule.ts'

/** All that a run has to say. */
export interface Report {
  readonly seed: number
  readonly minutes: number
  readonly mode: Mode
  readonly account: Account
  readonly struck: readonly Struck[]
  readonly held: readonly Held[]
  /** What is wrong beside the findings. */
  readonly wrong: readonly string[]
  readonly skipped: readonly string[]
}

const MIB = 1024 * 1024
const FINDINGS_TOLD = 20
const TIMELINE_LINES = 24

/** Lines of at most 80 columns, the timelines aside. */
export function printed(report: Report): string {
  const { seed, minutes, mode, account, struck, held } = report
  const lines = [
    `seed ${seed}, ${minutes} min, ${account.calls} calls, ${struck.length} faults`,
    modeText(mode),
    '',
  ]
  lines.push(...table(['fault', 'times', 'seconds', 'calls may fail'], kinds(struck)))
  const outcomes = [...account.outcomes].sort(([, a], [, b]) => b - a)
  lines.push(
    '',
    ...table(
      ['outcome', 'calls'],
      outcomes.map(([word, n]) => [word, String(n)]),
    ),
  )
  lines.push(`failed, but had reached an instance: ${account.failedButDelivered}`, '')
  const times = [
    ['without a fault', ...timesOf(account.calmMs)],
    ['within one', ...timesOf(account.faultMs)],
  ]
  lines.push(...table(['answered, ms', 'calls', 'p50', 'p99', 'most'], times), '')
  const rows = held.map(({ name, before, after }) => [
    name,
    ...[before, after].map(({ rssBytes }) => `${Math.round(rssBytes / MIB)} MiB`),
    ...[before, after].map((each) => String(countFiles(each))),
  ])
  lines.push(...table(['process', 'RSS before', 'after', 'files before', 'after'], rows), '')
  for (const each of report.skipped) lines.push(`skipped: ${each}`)
  for (const { id, why, timeline } of account.findings.slice(0, FINDINGS_TOLD)) {
    lines.push(
      `WRONG  ${id}: ${why}`,
      ...timeline.slice(0, TIMELINE_LINES).map((line) => `       ${line}`),
    )
  }
  for (const each of report.wrong) lines.push(`WRONG  ${each}`)
  lines.push(verdict(report))
  return `${lines.join('\n')}\n`
}

export function isFine({ account, wrong }: Report): boolean {
  return account.findings.length === 0 && wrong.length === 0 && account.calls > 0
}

function verdict(report: Report): string {
  const { account, wrong, seed, minutes, mode } = report
  if (isFine(report)) return 'The account comes out: every call is accounted for.'
  const again = `npm run chaos -- --seed ${seed} --minutes ${minutes} ${modeOptions(mode)}`
  return `The account does not come out: ${account.findings.length} calls, ${wrong.length} other things.\nagain: ${again}`
}

/** The same for scripts. */
export function asJson(report: Report): string {
  const { account, ...rest } = report
  const { calmMs, faultMs, outcomes, ...counts } = account
  const times = (ms: readonly number[]) => {
    const [calls, p50, p99, most] = timesOf(ms).map(Number)
    return { calls, p50, p99, most }
  }
  const told = {
    fine: isFine(report),
    ...rest,
    ...counts,
    outcomes: Object.fromEntries(outcomes),
    answeredMs: { calm: times(calmMs), fault: times(faultMs) },
  }
  return `${JSON.stringify(told, null, 2)}\n`
}

function kinds(struck: readonly Struck[]): string[][] {
  const rows: string[][] = []
  for (const kind of [...new Set(struck.map((each) => each.kind))].sort()) {
    const all = struck.filter((each) => each.kind === kind)
    const ms = all.reduce((sum, { from, to }) => sum + to - from, 0)
    const excuses = all.some((each) => each.excuses) ? 'yes' : 'no'
    rows.push([kind, String(all.length), String(Math.round(ms / 1000)), excuses])
  }
  return rows
}

/** How many, the median, the 99th percentile and the most of times in order. */
function timesOf(ms: readonly number[]): string[] {
  const at = (share: number) => String(Math.round(ms[Math.floor((ms.length - 1) * share)] ?? 0))
  return [String(ms.length), at(0.5), at(0.99), at(1)]
}

/** Columns as wide as they must be; all but the first to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}
