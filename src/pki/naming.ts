import { fault } from '../fault.ts'
import { parseModuleId } from '../folio/module-id.ts'
import { spiffeUri } from '../trust/identity.ts'
import { type AlternativeName, addressBytes } from '../x509/general-name.ts'

/** What a certificate names: a module by its full id, a person, or an outside system. */
export interface Subject {
  readonly kind: 'module' | 'operator' | 'client'
  /** `mod-users-19.7.0`, `anna`, `sms`. */
  readonly name: string
  /** As typed, and the name of its folder: `mod-users-19.7.0`, `operator/anna`. */
  readonly title: string
  /** The one URI SAN. */
  readonly uri: string
  /** Okapi, a person or an outside system: descriptors do not limit its calls. */
  readonly powerful: boolean
}

const LONGEST_NAME = 128
// SPIFFE path characters; `.` and `..` are neither valid segments nor folder names.
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/
const TRUST_DOMAIN = /^[a-z0-9]([a-z0-9._-]{0,253}[a-z0-9])?$/

/** Reads `mod-users-19.7.0`, `operator/anna` or `client/sms`; throws a Fault for anything else. */
export function subject(title: string, domain: string): Subject {
  const trust = trustDomain(domain)
  const slash = title.indexOf('/')
  const kind = slash === -1 ? 'module' : title.slice(0, slash)
  const name = title.slice(slash + 1)
  if (kind === 'module' && slash === -1) {
    // Okapi allows `+` metadata in a version, but `+` is not a SPIFFE character.
    const fits = SEGMENT.test(name) && name.length <= LONGEST_NAME
    if (!fits || parseModuleId(name) === undefined) throw noModuleId(title)
    const powerful = name.toLowerCase().startsWith('okapi-')
    return { kind, name, title, uri: spiffeUri(trust, kind, name), powerful }
  }
  if (kind !== 'operator' && kind !== 'client') throw noModuleId(title)
  if (!SEGMENT.test(name) || name.length > LONGEST_NAME) {
    const hint = 'letters, digits, `.`, `_` and `-`, as in operator/anna or client/sms'
    throw fault(`\`${title}\` does not name one ${kind}`, { hint })
  }
  return { kind, name, title, uri: spiffeUri(trust, kind, name), powerful: true }
}

function noModuleId(title: string) {
  return fault(`\`${title}\` is not a full module id`, {
    hint: 'product and version as in mod-users-19.7.0, or operator/anna, or client/sms',
  })
}

/** What a URI SAN names, or undefined if it is not a name of ours in this trust domain. */
export function subjectOfUri(uri: string, domain: string): Subject | undefined {
  const prefix = `spiffe://${domain}/`
  if (!uri.startsWith(prefix)) return undefined
  const path = uri.slice(prefix.length)
  const title = path.startsWith('module/') ? path.slice('module/'.length) : path
  try {
    const found = subject(title, domain)
    return found.uri === uri ? found : undefined
  } catch {
    return undefined
  }
}

/** A trust domain in lower-case ASCII; throws a Fault otherwise. */
export function trustDomain(text: string): string {
  if (TRUST_DOMAIN.test(text) && !text.includes('..')) return text
  throw fault(`\`${text}\` is not a trust domain`, {
    hint: 'lower-case letters, digits, `.`, `_` and `-`, as in folio.example.org',
  })
}

const DNS_LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/

/**
 * A DNS name for a SAN, without a dot at the end (SANs have none); no wildcard, because a certificate
 * identifies one peer. Throws a Fault.
 */
export function dnsName(written: string): string {
  const text = written.replace(/\.$/, '')
  const isAddress = addressBytes(text) !== undefined
  const fits = text.length <= 253 && text.split('.').every((label) => DNS_LABEL.test(label))
  if (fits && !isAddress) return text
  throw fault(`\`${text}\` is not a DNS name`, {
    hint: isAddress ? `use --ip ${text}` : 'as in --dns mod-users',
  })
}

/** An IP address for a SAN; throws a Fault. */
export function ipAddress(text: string): string {
  if (addressBytes(text) !== undefined) return text
  throw fault(`\`${text}\` is not an IP address`, { hint: 'as in --ip 10.0.0.7 or --ip ::1' })
}

/** The SAN of a leaf: the URI first, because it is the identity; the other names only help to find the peer. */
export function leafNames(
  uri: string,
  dns: readonly string[],
  ips: readonly string[],
): readonly AlternativeName[] {
  return [
    { kind: 'uri', value: uri },
    ...dns.map((value) => ({ kind: 'dns', value: dnsName(value) }) as const),
    ...ips.map((value) => ({ kind: 'ip', value: ipAddress(value) }) as const),
  ]
}
