import { endOfSegment, startsWith } from './path-pattern.ts'

/** The tenant that Okapi uses when a request names none: it administers all others. */
export const SUPERTENANT = 'supertenant'

const LONGEST = 64
/** 1 for ASCII letters, digits, `-` and `_`. */
const LETTER = Uint8Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9_-]/.test(String.fromCharCode(code)) ? 1 : 0,
)

/**
 * Is it a possible name of a tenant: 1 to 64 ASCII letters, digits, `-` and `_`? Okapi's own rule for new
 * tenants is narrower (TenantValidator). It runs for every request: a loop is faster than a regular expression.
 */
export function isTenantName(text: string): boolean {
  const { length } = text
  if (length === 0 || length > LONGEST) return false
  for (let i = 0; i < length; i++) if (LETTER[text.charCodeAt(i)] !== 1) return false
  return true
}

/**
 * Is it a tenant other than the supertenant, in any case? Okapi knows its tenants, but a module called past
 * Okapi does not check, and RMB uses the lower-cased name for its schema (PostgresClient.convertToPsqlStandard).
 */
export function isOrdinaryTenant(text: string): boolean {
  return isTenantName(text) && text.toLowerCase() !== SUPERTENANT
}

/** The ids that Okapi accepts for new tenants, as a regular expression (okapi-core TenantValidator). */
export const NEW_TENANT_NAME = '[a-z][a-z0-9]{0,30}'
const NEW_TENANT = new RegExp(`^${NEW_TENANT_NAME}$`)

/** Is it such an id? */
export function isNewTenantName(text: string): boolean {
  return NEW_TENANT.test(text)
}

const INVOKE = Buffer.from('/_/invoke/tenant/')

/** The parts of `/_/invoke/tenant/{t}/REST`, as positions in the bytes. */
export interface Invocation {
  readonly tenant: string
  /** Where REST begins, at its `/`. */
  readonly rest: number
}

/**
 * Reads the raw path of `/_/invoke/tenant/{t}/REST`, which Okapi serves as REST for tenant t
 * (okapi-core ProxyService.redirectProxy). Undefined for any other path.
 */
export function readInvocation(
  bytes: Uint8Array,
  start: number,
  end: number,
): Invocation | undefined {
  if (!startsWith(INVOKE, bytes, start, end)) return undefined
  const from = start + INVOKE.length
  const rest = endOfSegment(bytes, from, end)
  if (rest === from || rest === end) return undefined
  return { tenant: Buffer.from(bytes.subarray(from, rest)).toString('latin1'), rest }
}
