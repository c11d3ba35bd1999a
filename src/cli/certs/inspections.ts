import { elided, paint, table, utcMinute, wrap } from '../terminal.ts'
import { type Inspection, isWarning } from './inspect.ts'

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS
const NARROWEST_NAME = 16
/** From this width on, problems are on the line of their certificate. */
const WIDE = 120

interface Column {
  readonly title: string
  readonly cell: (one: Inspection, now: Date) => string
}

const SERIAL: Column = { title: 'serial', cell: ({ serial }) => short(serial) }
const KEY: Column = { title: 'key', cell: ({ key }) => key ?? '-' }
const NOT_AFTER: Column = {
  title: 'not after',
  cell: ({ notAfter }, now) => (notAfter === null ? '-' : day(notAfter, now)),
}
const LEFT: Column = {
  title: 'left',
  cell: ({ notAfter }, now) => (notAfter === null ? '-' : left(notAfter, now)),
}
const ISSUER: Column = { title: 'issuer', cell: ({ issuer }) => issuer ?? '-' }
const SHA_256: Column = { title: 'sha-256', cell: ({ fingerprint }) => short(fingerprint) }

const ALL = [SERIAL, KEY, NOT_AFTER, LEFT, ISSUER, SHA_256]

/**
 * Inspections for a person: one line each with its problems, or with the problems below if there are
 * few `columns`. Then columns are left out where names need the room, and only longer names are shortened.
 */
export function inspectionTable(
  inspections: readonly Inspection[],
  now: Date,
  columns: number,
): string {
  const wide = columns >= WIDE
  const { shown, room } = wide
    ? { shown: ALL, room: Number.POSITIVE_INFINITY }
    : fitting(inspections, now, columns)
  const rows = inspections.map((one) => [
    elided(one.name, room),
    ...shown.map(({ cell }) => cell(one, now)),
  ])
  const lines = table([['module', ...shown.map(({ title }) => title)], ...rows]).split('\n')
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

/** What fits beside the longest name; `--json` has the rest. */
function fitting(inspections: readonly Inspection[], now: Date, columns: number) {
  const longest = Math.max(...inspections.map(({ name }) => name.length))
  const roomBeside = (shown: readonly Column[]) => {
    const widths = shown.map(({ title, cell }) =>
      Math.max(title.length, ...inspections.map((one) => cell(one, now).length)),
    )
    return columns - widths.reduce((sum, width) => sum + width + 2, 0)
  }
  // Two issuers are what a person looks at during a change of the root.
  const isOneIssuer = new Set(inspections.map(({ issuer }) => issuer)).size === 1
  const spare = isOneIssuer ? [SHA_256, ISSUER] : [SHA_256]
  let shown: readonly Column[] = ALL
  for (const column of spare) {
    if (longest <= roomBeside(shown)) break
    shown = shown.filter((one) => one !== column)
  }
  return { shown, room: Math.max(NARROWEST_NAME, roomBeside(shown)) }
}

function wrapped(problem: string, columns: number): string {
  const lines = wrap(problem, columns - 6)
  return lines
    .map((line, i) => `${i === 0 ? '    ' : '      '}${coloured(problem, line)}\n`)
    .join('')
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
