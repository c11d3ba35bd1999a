import { parseModuleId } from '../folio/module-id.ts'

/** A SPIFFE id of our own scheme, read but not yet compared with anything. */
export type SpiffeId =
  | {
      readonly kind: 'module'
      readonly trustDomain: string
      readonly id: string
      readonly product: string
      readonly version: string
    }
  | { readonly kind: 'operator' | 'client'; readonly trustDomain: string; readonly name: string }

/** Lower-case letters, digits, `-`, `.`, `_`: the SPIFFE standard's trust domain names. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/

/**
 * The whole grammar in one line: scheme, trust domain, kind and one segment of SPIFFE path
 * characters. What it leaves no room for is thereby refused: user information, port, `%`, query,
 * fragment, an empty segment, a slash at the end, NUL, white space, upper case before the path.
 */
const OWN_SCHEME =
  /^spiffe:\/\/(?<trustDomain>[a-z0-9._-]{1,255})\/(?<kind>module|operator|client)\/(?<name>[A-Za-z0-9._-]{1,255})$/

/** Is this a name that a trust domain may have? */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text)
}

/** Reads `spiffe://DOMAIN/module/ID`, `.../operator/NAME`, `.../client/NAME`; else undefined. */
export function readSpiffeId(uri: string): SpiffeId | undefined {
  const groups = OWN_SCHEME.exec(uri)?.groups
  const { trustDomain, kind, name } = groups ?? {}
  if (trustDomain === undefined || name === undefined || isDots(name)) return undefined
  if (kind === 'operator' || kind === 'client') return { kind, trustDomain, name }
  const parts = moduleParts(name)
  return parts && { kind: 'module', trustDomain, id: name, ...parts }
}

/** The URI SAN that proves a module, an operator or a client. */
export function spiffeUri(trustDomain: string, kind: SpiffeId['kind'], name: string): string {
  return `spiffe://${trustDomain}/${kind}/${name}`
}

/** SPIFFE-ID 2.2: relative segments are not allowed. */
function isDots(name: string): boolean {
  return name === '.' || name === '..'
}

/** Product and version of a full id, as Okapi splits it; undefined where Okapi would refuse it. */
export function moduleParts(id: string): { product: string; version: string } | undefined {
  const parsed = parseModuleId(id)
  return parsed && { product: parsed.product, version: id.slice(parsed.product.length + 1) }
}
