import { fault } from '../../fault.ts'

const UNITS = { s: 1000, m: 60_000, h: 3600_000, d: 24 * 3600_000 } as const

/** The steps of `certs rollover`, in their order. */
export const ROLLOVER_STEPS = ['start', 'status', 'leaves', 'finish'] as const

/** `90s`, `15m`, `24h`, `30d` in milliseconds; throws a Fault for anything else, zero included. */
export function durationMs(option: string, text: string): number {
  const [, count, unit] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined && isUnit(unit)) return Number(count) * UNITS[unit]
  throw fault(`--${option}: \`${text}\` is not a duration`, {
    hint: 'a whole number with s, m, h or d, as in 15m, 24h or 30d',
  })
}

function isUnit(text: string | undefined): text is keyof typeof UNITS {
  return text !== undefined && Object.hasOwn(UNITS, text)
}

/** The only argument besides options; throws a Fault if it is missing or there are several. */
export function only(positionals: readonly string[], what: string, example: string): string {
  const [first, ...more] = positionals
  if (first !== undefined && more.length === 0) return first
  throw fault(first === undefined ? `${what} is missing` : `one ${what} at a time`, {
    hint: `okapi-sidecar certs ${example}`,
  })
}

/** Throws a Fault when words are left over. */
export function none(positionals: readonly string[], example: string): void {
  const [first] = positionals
  if (first === undefined) return
  throw fault(`\`${first}\` is one argument too many`, { hint: `okapi-sidecar certs ${example}` })
}
