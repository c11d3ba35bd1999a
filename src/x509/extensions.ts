import { createHash, type KeyObject } from 'node:crypto'
import { contextTag, DerError, type Element, Elements, open, readElement, TAG } from './der.ts'
import {
  contentOf,
  hex,
  readBoolean,
  readFlags,
  readOctetAlignedBits,
  readOid,
  readSmallInteger,
} from './der-values.ts'
import { bits, boolean, implicit, integer, octets, oid, sequence, tagged } from './der-write.ts'
import {
  type AlternativeName,
  type GeneralName,
  generalName,
  readGeneralNames,
} from './general-name.ts'

/** Bits of keyUsage (RFC 5280 4.2.1.3). */
export const KEY_USAGE = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
} as const

export type KeyUsage = keyof typeof KEY_USAGE

/** OIDs of extKeyUsage (RFC 5280 4.2.1.12). */
export const EXT_KEY_USAGE = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
} as const

export type Purpose = keyof typeof EXT_KEY_USAGE

/** The extensions that are read here. */
export interface Extensions {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number }
  /** Numbers of the bits that are set. */
  readonly keyUsage?: ReadonlySet<number>
  readonly extKeyUsage?: readonly string[]
  readonly subjectAltName?: readonly GeneralName[]
  /** Key identifiers, lower-case hex; OpenSSL uses them to distinguish authorities with the same name. */
  readonly subjectKeyId?: string
  readonly authorityKeyId?: string
  /** The OIDs of all critical extensions. */
  readonly critical: ReadonlySet<string>
  /** The OIDs of all extensions. */
  readonly present: ReadonlySet<string>
}

/** OIDs of extensions. */
export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  crlReason: '2.5.29.21',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
} as const

/** One extension. `value` is the content of the OCTET STRING, which may be any bytes in a hostile one. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

const MOST_EXTENSIONS = 64
const MOST_PURPOSES = 64

/** Reads a list of extensions without duplicates (RFC 5280 4.2). Throws a DerError. */
export function readExtensionList(list: Element): readonly Extension[] {
  const items = open(list, TAG.sequence)
  const seen = new Set<string>()
  const result: Extension[] = []
  while (!items.done) {
    const fields = open(items.next(), TAG.sequence)
    const oid = readOid(fields.take(TAG.oid))
    const flag = fields.maybe(TAG.boolean)
    const value = contentOf(fields.next(), TAG.octetString)
    fields.end()
    if (seen.has(oid)) throw new DerError(`extension ${oid} twice`)
    if (seen.size === MOST_EXTENSIONS) throw new DerError('more extensions than any CA writes')
    seen.add(oid)
    result.push({ oid, critical: flag !== undefined && readBoolean(flag), value })
  }
  return result
}

/** Reads a certificate's `[3] extensions`; undefined where it has none. Throws a DerError. */
export function readExtensions(wrapped: Element | undefined): Extensions {
  if (wrapped === undefined) return { critical: new Set(), present: new Set() }
  const inside = new Elements(wrapped)
  const list = readExtensionList(inside.next())
  inside.end()
  const find = (oid: string) => list.find((extension) => extension.oid === oid)?.value
  const basic = find(EXTENSION.basicConstraints)
  const usage = find(EXTENSION.keyUsage)
  const extended = find(EXTENSION.extKeyUsage)
  const names = find(EXTENSION.subjectAltName)
  const subjectKey = find(EXTENSION.subjectKeyId)
  const authorityKeyId = readAuthorityKeyId(find(EXTENSION.authorityKeyId))
  return {
    ...(basic && { basicConstraints: readBasicConstraints(basic) }),
    ...(usage && { keyUsage: readFlags(readElement(usage)) }),
    ...(extended && { extKeyUsage: readOids(extended) }),
    ...(names && { subjectAltName: readGeneralNames(names) }),
    ...(subjectKey && { subjectKeyId: hex(contentOf(readElement(subjectKey), TAG.octetString)) }),
    ...(authorityKeyId !== undefined && { authorityKeyId }),
    critical: new Set(list.filter((extension) => extension.critical).map(({ oid }) => oid)),
    present: new Set(list.map(({ oid }) => oid)),
  }
}

function readBasicConstraints(value: Uint8Array): { ca: boolean; pathLength?: number } {
  const fields = open(readElement(value), TAG.sequence)
  const flag = fields.maybe(TAG.boolean)
  const length = fields.maybe(TAG.integer)
  fields.end()
  const ca = flag !== undefined && readBoolean(flag)
  return length === undefined ? { ca } : { ca, pathLength: readSmallInteger(length) }
}

/** The key identifier of an AuthorityKeyIdentifier (RFC 5280 4.2.1.1), if it has one. */
function readAuthorityKeyId(value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined
  const keyId = open(readElement(value), TAG.sequence).maybe(contextTag(0, 'primitive'))
  return keyId && hex(keyId.content)
}

function readOids(value: Uint8Array): readonly string[] {
  const items = open(readElement(value), TAG.sequence)
  const oids: string[] = []
  while (!items.done) {
    if (oids.length === MOST_PURPOSES) throw new DerError('more purposes than any CA writes')
    oids.push(readOid(items.next()))
  }
  return oids
}

/** BasicConstraints; DER leaves cA out when it is false. */
export function basicConstraints(
  { ca, pathLength }: { readonly ca: boolean; readonly pathLength?: number },
  critical = true,
): Extension {
  const limit = pathLength === undefined ? [] : [integer(pathLength)]
  const value = sequence(...(ca ? [boolean(true)] : []), ...limit)
  return { oid: EXTENSION.basicConstraints, critical, value }
}

/** KeyUsage, without the zero bits at its end, as DER wants a named bit list. */
export function keyUsage(usages: readonly KeyUsage[], critical = true): Extension {
  const places: number[] = usages.map((usage) => KEY_USAGE[usage])
  const octet = places.reduce((sum, place) => sum | (0x80 >> place), 0)
  const unused = octet === 0 ? 0 : 7 - Math.max(...places)
  const value = bits(Buffer.from(octet === 0 ? [] : [octet]), unused)
  return { oid: EXTENSION.keyUsage, critical, value }
}

/** ExtendedKeyUsage, from names or dotted object ids. */
export function extendedKeyUsage(
  purposes: readonly (Purpose | `${number}.${string}`)[],
  critical = false,
): Extension {
  const ids = purposes.map((purpose) => oid(isPurpose(purpose) ? EXT_KEY_USAGE[purpose] : purpose))
  return { oid: EXTENSION.extKeyUsage, critical, value: sequence(...ids) }
}

function isPurpose(text: string): text is Purpose {
  return Object.hasOwn(EXT_KEY_USAGE, text)
}

/** SubjectAltName; critical where the subject is empty (RFC 5280 section 4.2.1.6). */
export function subjectAltName(names: readonly AlternativeName[], critical = false): Extension {
  return { oid: EXTENSION.subjectAltName, critical, value: sequence(...names.map(generalName)) }
}

/** SubjectKeyIdentifier of a public key. */
export function subjectKeyIdentifier(publicKey: KeyObject): Extension {
  return { oid: EXTENSION.subjectKeyId, critical: false, value: octets(keyIdentifier(publicKey)) }
}

/** An issuer's key identifier as in its certificate, or the key to compute it from. */
export type IssuerKey = KeyObject | Uint8Array

/** AuthorityKeyIdentifier: only the key id, so that an intermediate can be issued again. */
export function authorityKeyIdentifier(issuerKey: IssuerKey): Extension {
  const id = issuerKey instanceof Uint8Array ? issuerKey : keyIdentifier(issuerKey)
  const value = sequence(implicit(0, id))
  return { oid: EXTENSION.authorityKeyId, critical: false, value }
}

/** RFC 5280 section 4.2.1.2 (1): SHA-1 over the *contents* of the BIT STRING, as OpenSSL does. */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const spki = open(readElement(publicKey.export({ type: 'spki', format: 'der' })), TAG.sequence)
  spki.take(TAG.sequence)
  return createHash('sha1')
    .update(readOctetAlignedBits(spki.take(TAG.bitString)))
    .digest()
}

/** CRLNumber. */
export function crlNumber(number: number): Extension {
  return { oid: EXTENSION.crlNumber, critical: false, value: integer(number) }
}

/** Extensions as encoded in a certificate `[3]`, a CRL `[0]` or a request. */
export function extensionList(extensions: readonly Extension[]): Buffer {
  return sequence(
    ...extensions.map(({ oid: id, critical, value }) =>
      sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value)),
    ),
  )
}

/** The same, with an explicit context tag around it; no bytes for an empty list. */
export function taggedExtensions(tag: number, extensions: readonly Extension[]): readonly Buffer[] {
  return extensions.length === 0 ? [] : [tagged(tag, extensionList(extensions))]
}
