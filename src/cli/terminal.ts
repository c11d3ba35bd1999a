import { stripVTControlCharacters, styleText } from 'node:util'
import { type Problem, sentence } from '../fault.ts'

type Style = Parameters<typeof styleText>[0]

/** `text` in a style if `stream` is a terminal with colours (NO_COLOR is honoured). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout) {
  return styleText(style, text, { stream })
}

/** Prints problems on stderr as `okapi-sidecar: error: …`, each followed by its hint. */
export function tell(problems: readonly Problem[]): void {
  for (const problem of problems) {
    const label = paint(
      problem.severity === 'error' ? 'red' : 'yellow',
      problem.severity,
      process.stderr,
    )
    process.stderr.write(`okapi-sidecar: ${label}: ${sentence(problem)}\n`)
    if (problem.hint !== undefined) process.stderr.write(`okapi-sidecar: hint: ${problem.hint}\n`)
  }
}

/**
 * Text from others for a terminal: control characters, including C1, and characters that change the direction of text
 * are written as \uXXXX, because a terminal may execute them.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}

const NARROW = 80
// Longer lines are hard to read even on a wide terminal.
const WIDE = 140

/** The width for sentences: the terminal's up to a maximum, else COLUMNS, else 80. */
export function textWidth(): number {
  const { COLUMNS } = process.env
  const wanted = process.stdout.columns ?? (Number(COLUMNS) || NARROW)
  return Math.min(Math.max(wanted, 40), WIDE)
}

/** Columns padded to their widest cell, two blanks between; colour codes have no width. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, shownLength(cell))
    })
  }
  const padded = (cell: string, i: number) => cell + ' '.repeat(widths[i]! - shownLength(cell))
  const line = (row: readonly string[]) => row.map(padded).join('  ').trimEnd()
  return rows.map((row) => `${indent}${line(row)}\n`).join('')
}

/** The same for text from others, without colours. */
export function safeTable(rows: readonly (readonly string[])[]): string {
  return table(rows.map((row) => row.map(printable)))
}

function shownLength(cell: string): number {
  return stripVTControlCharacters(cell).length
}

/** Breaks at blanks; a word that is longer than the width has its own line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${line} ${word}`
    } else lines.push(word)
  }
  return lines
}

/** Keeps the beginning and the end of a name, which have product and version. */
export function elided(name: string, room: number): string {
  if (name.length <= room) return name
  const tail = Math.floor((room - 1) / 2)
  return `${name.slice(0, room - 1 - tail)}…${name.slice(-tail)}`
}

/** `1 exchange`, `2 exchanges`. */
export function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** `2026-11-22 10:00 UTC`. */
export function utcMinute(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** A length of time as people say it: `24 hours`, `30 days`, `15 minutes`. */
export function duration(ms: number): string {
  if (ms < 2 * MINUTE_MS) return `${Math.round(ms / 1000)} seconds`
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} minutes`
  if (ms <= 2 * DAY_MS) return `${Math.round(ms / HOUR_MS)} hours`
  return `${Math.round(ms / DAY_MS)} days`
}

/** What takes long, on one line of a terminal, `''` at its end; in a pipe nothing is printed. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${printable(text)}`)
}

/** One JSON document on stdout, for a pipe. */
export function json(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** The width for a table: the terminal's, else COLUMNS, else unlimited, because `grep` needs whole names. */
export function columns(): number {
  const { COLUMNS } = process.env
  return process.stdout.columns ?? (Number(COLUMNS) || Number.POSITIVE_INFINITY)
}
