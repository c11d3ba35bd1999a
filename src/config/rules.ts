import {
  type Forward,
  isLoopback,
  type Listen,
  type Parsed,
  type PortRange,
  parseForward,
  parseListen,
  parseModule,
  parsePortRange,
} from './addresses.ts'
import { databaseFlaws } from './database.ts'
import { get, type Raw } from './document.ts'
import type { Flaw } from './issues.ts'
import { kafkaFlaws } from './kafka.ts'
import { migrationFlaws } from './migration-rules.ts'
import { tokenFlaws } from './token-rules.ts'

/** The module that Okapi's own sidecar stands for. */
const OKAPI = 'okapi'

/**
 * Okapi has at most 1000 connections to one module (`http_max_size_proxy`), and a call that waits
 * for one waits for ever. With at most this many calls, each with one open call of Okapi's own,
 * none has to wait, not even for mod-authtoken, which is called for all of them.
 */
const PLACES_TO_OKAPI = 1000
/** Seven eighths are Okapi's 1000 connections for calls and its 100 for itself. */
export const PLACES_TO_MODULE = 1280

/** Calls that take only a little longer than usual are not slow. */
const LEAST_TOLERANCE = 1.1

/**
 * What depends on who the sidecar stands for: Okapi owns 9130 itself and has no gateway but its
 * modules. Only for sections that are there.
 */
export function roleDefaults(raw: Raw): readonly { path: readonly string[]; value: unknown }[] {
  const okapi = isOkapi(raw)
  const defaults = [
    { path: ['admin', 'healthPath'], value: okapi ? '/_/proxy/health' : '/admin/health' },
    {
      path: ['limits', 'exchangesToModule'],
      value: okapi ? PLACES_TO_OKAPI : PLACES_TO_MODULE,
    },
  ]
  if (!okapi && get(raw, ['egress']) !== undefined) {
    defaults.push({ path: ['egress', 'listen'], value: '127.0.0.1:9130' })
    defaults.push({ path: ['egress', 'gateway'], value: 'https://okapi:8443' })
  }
  return defaults
}

/**
 * Rules about several keys; every rule uses only the keys that it names. `overdue` is an error for
 * `check` and a warning for the process itself. `now`: milliseconds since 1970.
 */
export function crossCheck(
  raw: Raw,
  now: number,
): { errors: Flaw[]; warnings: Flaw[]; overdue: readonly Flaw[] } {
  const migration = migrationFlaws(raw, now)
  const errors = [
    ...plainBeyondLoopback(raw),
    ...databaseFlaws(raw, allowsPlain(raw)),
    ...kafkaFlaws(raw, allowsPlain(raw)),
    ...egressOfRole(raw),
    ...adaptiveOfRole(raw),
    ...migration.errors,
  ]
  const warnings: Flaw[] = [...migration.warnings, ...tokenFlaws(raw, isOkapi(raw))]
  const status = parsedAt(raw, ['status', 'listen'], parseListen)
  if (status !== undefined && !isLoopback(status)) {
    const message =
      '`status.listen` shows peers, tenants and policy to every client that reaches it'
    warnings.push({ path: ['status', 'listen'], message, hint: 'keep it on loopback' })
  }
  const legs = ['ingress', 'egress', 'public', 'postgres', 'kafka']
  if (legs.every((leg) => get(raw, [leg]) === undefined)) {
    const message =
      'there is nothing to serve: `ingress`, `egress`, `public`, `postgres` and `kafka` are all absent'
    errors.push({ path: [], message, hint: 'set ingress.forward, or egress.gateway, or both' })
  }
  return { errors, warnings, overdue: migration.overdue }
}

/**
 * Trust rule 7: the egress gives the module's identity to every client that reaches it, and
 * forwarded requests are plain.
 */
function plainBeyondLoopback(raw: Raw): Flaw[] {
  if (allowsPlain(raw)) return []
  const plain = [
    { path: ['egress', 'listen'], parse: parseListen },
    { path: ['ingress', 'forward'], parse: parseForward },
    { path: ['egress', 'modules', 'listen'], parse: parsePortRange },
  ]
  return plain.flatMap(({ path, parse }) => {
    const address = parsedAt<Listen | Forward | PortRange>(raw, path, parse)
    if (address === undefined || isLoopback(address)) return []
    const message = `\`${path.join('.')}\` is plain HTTP and must stay on loopback or a Unix socket`
    return [{ path, message, hint: 'use 127.0.0.1 or [::1]; or set allowPlainBeyondLoopback: WHY' }]
  })
}

function allowsPlain(raw: Raw): boolean {
  const why = get(raw, ['allowPlainBeyondLoopback'])
  return typeof why === 'string' && why.trim() !== ''
}

function egressOfRole(raw: Raw): Flaw[] {
  if (get(raw, ['egress']) === undefined) return []
  const has = (key: string) => get(raw, ['egress', key]) !== undefined
  if (!isOkapi(raw)) {
    if (!has('modules')) return []
    const message = '`egress.modules` is for Okapi’s own sidecar'
    return [{ path: ['egress', 'modules'], message, hint: 'set egress.gateway instead' }]
  }
  const listen = has('listen')
  if (listen !== has('gateway')) {
    const message =
      'beside Okapi `egress.listen` and `egress.gateway` go together: set both or neither'
    return [{ path: ['egress', listen ? 'listen' : 'gateway'], message }]
  }
  if (listen || has('modules')) return []
  const message = '`egress` beside Okapi needs `modules`'
  return [{ path: ['egress'], message, hint: 'write modules: {} for all its defaults' }]
}

function adaptiveOfRole(raw: Raw): Flaw[] {
  const path = ['limits', 'adaptive', 'tolerance']
  const tolerance = get(raw, path)
  if (typeof tolerance !== 'number' || tolerance === 0) return []
  if (tolerance > 0 && tolerance < LEAST_TOLERANCE) {
    const message = `\`limits.adaptive.tolerance\` must be 0 or at least ${LEAST_TOLERANCE}: latencies vary`
    return [{ path, message, hint: 'set it to 2' }]
  }
  if (isOkapi(raw)) {
    const message =
      '`limits.adaptive` follows the latency of one module, and Okapi’s is that of all modules'
    return [{ path, message, hint: 'set it beside modules' }]
  }
  if (get(raw, ['ingress']) !== undefined) return []
  return [{ path, message: '`limits.adaptive` needs an `ingress`', hint: 'leave it out' }]
}

function isOkapi(raw: Raw): boolean {
  return parsedAt(raw, ['module'], parseModule)?.product === OKAPI
}

function parsedAt<T>(raw: Raw, path: readonly string[], parse: (text: string) => Parsed<T>) {
  const text = get(raw, path)
  const parsed = typeof text === 'string' ? parse(text) : undefined
  return parsed !== undefined && 'value' in parsed ? parsed.value : undefined
}
