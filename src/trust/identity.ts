import { parseModuleId } from '../folio/module-id.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { type Certificate, certificateNames } from '../x509/certificate.ts'

/** A module, proven by its certificate. Structurally one of policy's callers. */
export interface ModuleIdentity {
  readonly kind: 'module'
  readonly trustDomain: string
  /** `mod-users-19.7.0`: product and version, as Okapi spells it. */
  readonly id: string
  readonly product: string
  readonly version: string
  /** The URI SAN exactly as in the certificate. */
  readonly uri: string
}

/** A person (`operator`) or an outside system (`client`), proven by its certificate. */
export interface NamedIdentity {
  readonly kind: 'operator' | 'client'
  readonly trustDomain: string
  readonly name: string
  readonly uri: string
}

/** Who a peer has proven to be: its certificate's one URI SAN and nothing else. */
export type Identity = ModuleIdentity | NamedIdentity

/** What a URI SAN is read against. */
export interface NamingContext {
  /** Ours, lower-case ASCII. */
  readonly trustDomain: string
  /** SPIFFE ids of other schemes (`/ns/x/sa/y`, other domains) and the module id each stands for. */
  readonly foreign: ReadonlyMap<string, string>
}

/**
 * Reads the identity of a certificate: exactly one URI SAN, of our scheme and trust domain or in
 * the table of foreign ids, byte for byte. Names of other types are ignored.
 */
export function identityOf(certificate: Certificate, context: NamingContext): Identity | Refusal {
  const names = certificate.extensions.subjectAltName ?? []
  const uris = names.filter(({ type }) => type === 'uri')
  const [uri] = uris
  if (uri === undefined) return refuse('bad-identity', 'the certificate has no URI SAN')
  if (uris.length > 1) {
    return refuse('bad-identity', `the certificate has ${uris.length} URI SANs, it must be one`)
  }
  return identityOfUri(uri.text, context)
}

/**
 * Reads the identity of a URI. Our own scheme is tried first, so that no table can rename a module.
 */
export function identityOfUri(uri: string, context: NamingContext): Identity | Refusal {
  const own = readSpiffeId(uri)
  if (own !== undefined && own.trustDomain === context.trustDomain) return { ...own, uri }
  const id = context.foreign.get(uri)
  if (id !== undefined) return foreignIdentity(uri, id)
  if (own !== undefined) {
    const because = `${uri} is of trust domain ${own.trustDomain}, ours is ${context.trustDomain}`
    return refuse('bad-identity', because)
  }
  const quoted = JSON.stringify(uri.slice(0, 300))
  return refuse('bad-identity', `the URI SAN ${quoted} is not an identity of this installation`)
}

function foreignIdentity(uri: string, id: string): Identity | Refusal {
  const trustDomain = /^spiffe:\/\/([a-z0-9._-]+)\//.exec(uri)?.[1]
  const parts = moduleParts(id)
  if (trustDomain === undefined || parts === undefined) {
    return refuse('bad-identity', `the table of foreign SPIFFE ids maps ${uri} to no module id`)
  }
  return { kind: 'module', trustDomain, id, ...parts, uri }
}

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

/**
 * The whole grammar in one line: scheme, trust domain, kind and one segment of SPIFFE path
 * characters. Everything else is refused: user information, port, `%`, query, fragment, an empty
 * segment, a slash at the end, NUL, white space, upper case before the path.
 */
const OWN_SCHEME =
  /^spiffe:\/\/(?<trustDomain>[a-z0-9._-]{1,255})\/(?<kind>module|operator|client)\/(?<name>[A-Za-z0-9._-]{1,255})$/

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

/**
 * The URI SAN of our own scheme that a certificate has, in any trust domain, or one of the table of
 * foreign ids: a certificate of a module, an operator or a client is not accepted as a server's.
 * Throws a DerError for bytes that are not a certificate.
 */
export function callerIn(
  der: Uint8Array,
  foreign: Readonly<Record<string, string>> = {},
): string | undefined {
  const isCaller = (uri: string) => readSpiffeId(uri) !== undefined || Object.hasOwn(foreign, uri)
  return certificateNames(der).uris.find(isCaller)
}

/** SPIFFE-ID 2.2: relative segments are not allowed. */
function isDots(name: string): boolean {
  return name === '.' || name === '..'
}

/** Product and version of a full id, as Okapi splits it; undefined if Okapi would refuse it. */
function moduleParts(id: string): { product: string; version: string } | undefined {
  const parsed = parseModuleId(id)
  return parsed && { product: parsed.product, version: id.slice(parsed.product.length + 1) }
}
