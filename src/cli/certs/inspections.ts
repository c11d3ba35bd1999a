import { elided, paint, table, utcMinute } from '../terminal.ts'
import { type Inspection, isWarning } from './inspect.ts'

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS
const NARROWEST_NAME = 16
/** From this width on, problems are on the line of their certificate. */
const WIDE = 120
const HEAD = ['module', 'serial', 'key', 'not after', 'left', 'issuer', 'sha-256']

/**
 * Inspections for a person: one line each with its problems, or with the problems below if there are
 * few `columns`; then long names are shortened too.
 */
export function inspectionTable(
  inspections: readonly Inspection[],
  now: Date,
  columns: number,
): string {
  const cells = inspections.map((one) => [
    short(one.serial),
    one.key ?? '-',
    one.notAfter === null ? '-' : day(one.notAfter, now),
    one.notAfter === null ? '-' : left(one.notAfter, now),
    one.issuer ?? '-',
    short(one.fingerprint),
  ])
  const widths = HEAD.slice(1).map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]!.length)),
  )
  const taken = widths.reduce((sum, width) => sum + width + 2, 0)
  const wide = columns >= WIDE
  const room = wide ? Number.POSITIVE_INFINITY : Math.max(NARROWEST_NAME, columns - taken)
  const rows = [HEAD, ...cells.map((row, i) => [elided(inspections[i]!.name, room), ...row])]
  const lines = table(rows).split('\n')
  const body = inspections.map((one, i) => {
    const line = lines[i + 1]!.padEnd(lines[0]!.length)
    if (wide) {
      const notes = one.problems.map((problem) => coloured(problem, problem)).join(', ')
      return `${notes === '' ? line.trimEnd() : `${line}  ${notes}`}\n`
    }
    return `${line.trimEnd()}\n${one.problems.map((problem) => wrapped(problem, columns)).join('')}`
  })
  return `${paint('dim', lines[0]!.trimEnd())}\n${body.join('')}`
}

function wrapped(problem: string, columns: number): string {
  const line = `    ${problem}`
  return `${coloured(problem, line.length > columns ? `${line.slice(0, columns - 1)}…` : line)}\n`
}

function coloured(problem: string, text: string): string {
  return paint(isWarning(problem) ? 'yellow' : 'red', text)
}

function short(hex: string | null): string {
  return hex === null ? '-' : hex.slice(0, 8)
}

/** The day; within two days of now the hour too. */
function day(date: Date, now: Date): string {
  const near = Math.abs(date.getTime() - now.getTime()) < 2 * DAY_MS
  return near ? `${utcMinute(date).slice(5, 16)}` : utcMinute(date).slice(0, 10)
}

function left(date: Date, now: Date): string {
  const ms = date.getTime() - now.getTime()
  if (ms < 0) return 'over'
  if (ms < 2 * HOUR_MS) return `${Math.floor(ms / 60_000)}m`
  return ms < 2 * DAY_MS ? `${Math.floor(ms / HOUR_MS)}h` : `${Math.floor(ms / DAY_MS)}d`
}

/** `80 certificates: 77 fine, 2 end soon, 1 broken`. */
export function summaryLine(inspections: readonly Inspection[]): string {
  const broken = inspections.filter(isBroken).length
  const ending = inspections.filter((one) => one.ending && !isBroken(one)).length
  const fine = inspections.length - broken - ending
  const parts = [
    `${fine} fine`,
    ...(ending > 0 ? [`${ending} end${ending === 1 ? 's' : ''} soon`] : []),
    ...(broken > 0 ? [`${broken} broken`] : []),
  ]
  const count = `${inspections.length} certificate${inspections.length === 1 ? '' : 's'}`
  return `${count}: ${parts.join(', ')}\n`
}

function isBroken({ problems }: Inspection): boolean {
  return problems.some((problem) => !isWarning(problem))
}

/** An inspection for a script: dates in ISO 8601, days left as a number. */
export function inspectionJson(one: Inspection, now: Date) {
  const ms = one.notAfter === null ? null : one.notAfter.getTime() - now.getTime()
  return {
    ...one,
    notBefore: one.notBefore?.toISOString() ?? null,
    notAfter: one.notAfter?.toISOString() ?? null,
    daysLeft: ms === null ? null : Math.floor((ms / DAY_MS) * 10) / 10,
  }
}
