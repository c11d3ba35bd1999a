import type { AuditState } from '../audit-series.ts'
import type { ProcessSeen } from '../process-use.ts'
import type { TokenMemory } from '../token-memory.ts'
import type { ConcurrencySeen, MigrationFacts } from './facts.ts'
import type { Refused } from './last-refusals.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `3 days`, `5 hours`, `2 minutes`, `12 seconds`: one unit, rounded down. */
export function spanText(ms: number): string {
  const [amount, unit] =
    ms >= 2 * DAY
      ? [ms / DAY, 'day']
      : ms >= 2 * HOUR
        ? [ms / HOUR, 'hour']
        : ms >= 2 * MINUTE
          ? [ms / MINUTE, 'minute']
          : [ms / 1000, 'second']
  const whole = Math.floor(amount)
  return `${whole} ${unit}${whole === 1 ? '' : 's'}`
}

/** `5 minutes ago`, `in 3 days`. */
export function when(ms: number, nowMs: number): string {
  return ms <= nowMs ? `${spanText(nowMs - ms)} ago` : `in ${spanText(ms - nowMs)}`
}

/** `2026-11-22 02:30 UTC`. */
export function dateText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** The request of a refused caller. */
export function askedText({ method, route, at }: Pick<Refused, 'method' | 'route' | 'at'>): string {
  if (method === '') return 'before a request was read'
  return `${[method, route].filter((word) => word !== '').join(' ')} at ${at}`
}

const LOOPBACK = /^(?:127\.|::1$)/

/** The refused caller and its address: several processes may have one name, and one of them may be hijacked. */
export function whoText({ caller, from }: Pick<Refused, 'caller' | 'from'>): string {
  // Sidecars of earlier versions do not give the address.
  return (from ?? '') === '' || LOOPBACK.test(from) ? caller : `${caller} from ${from}`
}

/** `, 12 times since 2026-11-22 02:30 UTC`; nothing for a single one. */
export function oftenText({ times, sinceMs }: Pick<Refused, 'times' | 'sinceMs'>): string {
  if (times < 2) return ''
  return sinceMs === undefined ? `${times} times` : `${times} times since ${dateText(sinceMs)}`
}

/** The migration listener in one sentence. */
export function migrationText({ open, untilMs, from, why }: MigrationFacts): string {
  const addresses = from.join(', ')
  return open
    ? `the migration listener is open until ${dateText(untilMs)} for ${addresses}, without proof of identity: ${why}`
    : `the migration listener is closed since ${dateText(untilMs)}: remove \`migration\``
}

/** How many tokens are remembered, and how others are treated, in one sentence. */
export function tokensText(memory: TokenMemory): string {
  const { mode, graceUntilMs, lifeMs, perModule, modules, tokens, forgotten, unknown } = memory
  const others =
    mode === 'report'
      ? 'others are only reported'
      : graceUntilMs === null
        ? 'others are refused'
        : `others are only reported until ${dateText(graceUntilMs)}`
  const lost = forgotten === 0 ? '' : `, ${forgotten} forgotten early (policy.tokensPerModule)`
  const fullest = memory.fullest.map((one) => `${one.name} ${one.tokens}`).join(', ')
  const most = fullest === '' ? '' : `; most: ${fullest}`
  return `${tokens} of ${modules} modules remembered for ${spanText(lifeMs)} (at least ${perModule} per module), ${others}; ${unknown} unknown ones since the start${lost}${most}`
}

/** Whether something with an end is fine, in the last third of its lifetime, or expired. */
export function urgency(beginsMs: number, endsMs: number, nowMs: number): 'fine' | 'soon' | 'over' {
  if (endsMs <= nowMs) return 'over'
  return endsMs - nowMs < (endsMs - beginsMs) / 3 ? 'soon' : 'fine'
}

/** The state of `limits.adaptive` in words. */
export function callsText({ open, limit }: ConcurrencySeen): string {
  return `${open} wait in the module, ${limit} may now`
}

/** The resource usage of the process in words. */
export function processText({ cpuPercent, residentBytes }: ProcessSeen): string {
  const cpu = cpuPercent === null ? '' : `, ${cpuPercent} % of a CPU in the last ten seconds`
  return `${Math.round(residentBytes / 1_000_000)} MB of memory${cpu}`
}

/** The destination and progress of the audit trail, in one sentence. */
export function auditText({ to, trouble, lost, head }: AuditState): string {
  const missing = lost === 0 ? '' : `, ${lost} entries lost since the start`
  const state = trouble === null ? '' : `, CANNOT BE WRITTEN: ${trouble}`
  return `${to}${state}${missing}, head ${head}`
}
