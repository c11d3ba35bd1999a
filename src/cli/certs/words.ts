const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const NARROW = 80

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

/** One JSON document on stdout, for a pipe. */
export function json(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** How wide a table may be: the terminal, else COLUMNS, else 80. */
export function columns(): number {
  const { COLUMNS } = process.env
  return process.stdout.columns ?? (Number(COLUMNS) || NARROW)
}
