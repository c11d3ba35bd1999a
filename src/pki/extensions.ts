import { createHash, type KeyObject } from 'node:crypto'
import { addressBytes } from './address.ts'
import {
  bitContents,
  bits,
  boolean,
  type Der,
  decode,
  encode,
  implicit,
  integer,
  members,
  octets,
  oid,
  sequence,
  tagged,
} from './der.ts'

/** One extension: `value` is the DER inside the OCTET STRING, any bytes at all for a hostile one. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** One name of a SubjectAltName; bytes instead of text go in as they are. */
export type AlternativeName =
  | { readonly kind: 'uri' | 'dns' | 'email' | 'ip'; readonly value: string | Uint8Array }
  /** A whole GeneralName that the writer knows nothing of. */
  | { readonly kind: 'der'; readonly value: Der }

const NAME_TAGS = { email: 1, dns: 2, uri: 6, ip: 7 } as const

/** Bits of KeyUsage in their order (RFC 5280 section 4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
] as const

export type KeyUsage = (typeof KEY_USAGES)[number]

const PURPOSES = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
} as const

export type Purpose = keyof typeof PURPOSES

/** BasicConstraints; DER leaves cA out when it is false. */
export function basicConstraints(
  { ca, pathLength }: { readonly ca: boolean; readonly pathLength?: number },
  critical = true,
): Extension {
  const limit = pathLength === undefined ? [] : [integer(pathLength)]
  const value = encode(sequence(...(ca ? [boolean(true)] : []), ...limit))
  return { oid: '2.5.29.19', critical, value }
}

/** KeyUsage, without the zero bits at its end, as DER wants a named bit list. */
export function keyUsage(usages: readonly KeyUsage[], critical = true): Extension {
  const places = usages.map((usage) => KEY_USAGES.indexOf(usage))
  const octet = places.reduce((sum, place) => sum | (0x80 >> place), 0)
  const unused = octet === 0 ? 0 : 7 - Math.max(...places)
  const value = encode(bits(Buffer.from(octet === 0 ? [] : [octet]), unused))
  return { oid: '2.5.29.15', critical, value }
}

/** ExtendedKeyUsage, from names or dotted object ids. */
export function extendedKeyUsage(
  purposes: readonly (Purpose | `${number}.${string}`)[],
  critical = false,
): Extension {
  const ids = purposes.map((purpose) => oid(isPurpose(purpose) ? PURPOSES[purpose] : purpose))
  return { oid: '2.5.29.37', critical, value: encode(sequence(...ids)) }
}

function isPurpose(text: string): text is Purpose {
  return Object.hasOwn(PURPOSES, text)
}

/** SubjectAltName; critical where the subject is empty (RFC 5280 section 4.2.1.6). */
export function subjectAltName(names: readonly AlternativeName[], critical = false): Extension {
  return { oid: '2.5.29.17', critical, value: encode(sequence(...names.map(generalName))) }
}

function generalName(name: AlternativeName): Der {
  if (name.kind === 'der') return name.value
  return implicit(NAME_TAGS[name.kind], nameBytes(name.kind, name.value))
}

function nameBytes(kind: keyof typeof NAME_TAGS, value: string | Uint8Array): Uint8Array {
  if (typeof value !== 'string') return value
  if (kind !== 'ip') return Buffer.from(value, 'latin1')
  const bytes = addressBytes(value)
  if (bytes === undefined) throw new TypeError(`not an IP address: ${value}`)
  return bytes
}

/** SubjectKeyIdentifier of a public key. */
export function subjectKeyIdentifier(publicKey: KeyObject): Extension {
  return { oid: '2.5.29.14', critical: false, value: encode(octets(keyIdentifier(publicKey))) }
}

/** An issuer's key identifier as its certificate has it, or the key that it is computed from. */
export type IssuerKey = KeyObject | Uint8Array

/** AuthorityKeyIdentifier: the key id alone, so that an intermediate can be issued again. */
export function authorityKeyIdentifier(issuerKey: IssuerKey): Extension {
  const id = issuerKey instanceof Uint8Array ? issuerKey : keyIdentifier(issuerKey)
  const value = encode(sequence(implicit(0, id)))
  return { oid: '2.5.29.35', critical: false, value }
}

/** RFC 5280 section 4.2.1.2 (1): SHA-1 over the *contents* of the BIT STRING, as OpenSSL does. */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const [, key] = members(decode(publicKey.export({ type: 'spki', format: 'der' })))
  return createHash('sha1').update(bitContents(key)).digest()
}

/** CRLNumber. */
export function crlNumber(number: number): Extension {
  return { oid: '2.5.29.20', critical: false, value: encode(integer(number)) }
}

/** Extensions as they stand in a certificate `[3]`, a CRL `[0]` or a request. */
export function extensionList(extensions: readonly Extension[]): Der {
  return sequence(
    ...extensions.map(({ oid: id, critical, value }) =>
      sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value)),
    ),
  )
}

/** The same, behind an explicit context tag; nothing at all for an empty list. */
export function taggedExtensions(tag: number, extensions: readonly Extension[]): readonly Der[] {
  return extensions.length === 0 ? [] : [tagged(tag, extensionList(extensions))]
}
