import { contextTag, DerError, type Element, Elements, open, readElement, TAG } from './der.ts'
import {
  ascii,
  contentOf,
  hex,
  readBoolean,
  readFlags,
  readOid,
  readSmallInteger,
} from './der-values.ts'

/** Bits of keyUsage (RFC 5280 4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const

/** OIDs of extKeyUsage (RFC 5280 4.2.1.12). */
export const EXT_KEY_USAGE = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** One entry of subjectAltName, with its type kept apart: a URI in a DNS name is no URI. */
export interface GeneralName {
  readonly type: 'other' | 'email' | 'dns' | 'x400' | 'directory' | 'edi' | 'uri' | 'ip' | 'id'
  readonly bytes: Uint8Array
  /** Each octet as one character, undecoded: NUL and all. */
  readonly text: string
}

/** The extensions that somebody here reads. */
export interface Extensions {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number }
  /** Numbers of the bits that are set. */
  readonly keyUsage?: ReadonlySet<number>
  readonly extKeyUsage?: readonly string[]
  readonly subjectAltName?: readonly GeneralName[]
  /** Key identifiers, lower-case hex; OpenSSL tells authorities of one name apart by them. */
  readonly subjectKeyId?: string
  readonly authorityKeyId?: string
  /** The OIDs of all that are marked critical. */
  readonly critical: ReadonlySet<string>
  /** The OIDs of all that are there. */
  readonly present: ReadonlySet<string>
}

/** OIDs of extensions. */
export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
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

const NAME_TYPES = [
  'other',
  'email',
  'dns',
  'x400',
  'directory',
  'edi',
  'uri',
  'ip',
  'id',
] as const satisfies readonly GeneralName['type'][]
/** GeneralName choices that are constructed (RFC 5280 4.2.1.6). */
const CONSTRUCTED_NAMES: ReadonlySet<string> = new Set(['other', 'x400', 'directory', 'edi'])

/** One extension, its value not yet read. */
export interface RawExtension {
  readonly oid: string
  readonly critical: boolean
  /** The octet string's content. */
  readonly value: Uint8Array
}

/** Reads a list of extensions; none twice (RFC 5280 4.2). Throws a DerError. */
export function readExtensionList(list: Element): readonly RawExtension[] {
  const items = open(list, TAG.sequence)
  const seen = new Set<string>()
  const result: RawExtension[] = []
  while (!items.done) {
    const fields = open(items.next(), TAG.sequence)
    const oid = readOid(fields.take(TAG.oid))
    const flag = fields.maybe(TAG.boolean)
    const value = contentOf(fields.next(), TAG.octetString)
    fields.end()
    if (seen.has(oid)) throw new DerError(`extension ${oid} twice`)
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

/** The key identifier of an AuthorityKeyIdentifier (RFC 5280 4.2.1.1), where it has one. */
function readAuthorityKeyId(value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined
  const keyId = open(readElement(value), TAG.sequence).maybe(contextTag(0, 'primitive'))
  return keyId && hex(keyId.content)
}

function readOids(value: Uint8Array): readonly string[] {
  const items = open(readElement(value), TAG.sequence)
  const oids: string[] = []
  while (!items.done) oids.push(readOid(items.next()))
  return oids
}

function readGeneralNames(value: Uint8Array): readonly GeneralName[] {
  const items = open(readElement(value), TAG.sequence)
  const names: GeneralName[] = []
  while (!items.done) names.push(readGeneralName(items.next()))
  if (names.length === 0) throw new DerError('an empty subjectAltName')
  return names
}

function readGeneralName({ tag, content }: Element): GeneralName {
  const type = NAME_TYPES[tag & 0x1f]
  const form = type !== undefined && CONSTRUCTED_NAMES.has(type) ? 'constructed' : 'primitive'
  if (type === undefined || tag !== contextTag(tag & 0x1f, form)) {
    throw new DerError('a subject alternative name of no known type')
  }
  return { type, bytes: content, text: ascii(content) }
}
