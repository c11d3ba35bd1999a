import { createHash, type KeyObject, randomBytes } from 'node:crypto'
import { contextTag, DerError, type Element, open, readElement, TAG } from './der.ts'
import {
  type BigInteger,
  hex,
  readInteger,
  readOctetAlignedBits,
  readSmallInteger,
  readTime,
} from './der-values.ts'
import { integer, sequence, tagged, time } from './der-write.ts'
import { type Extension, type Extensions, readExtensions, taggedExtensions } from './extensions.ts'
import { type NamesByKind, namesByKind } from './general-name.ts'
import { type DistinguishedName, distinguishedName, type Name, readName } from './name.ts'
import { type PublicKeyInfo, readPublicKeyInfo } from './public-key.ts'
import {
  type Digest,
  digestFor,
  signatureAlgorithm,
  signatureAlgorithmOf,
  signed,
} from './signature.ts'

/** An X.509 certificate, as far as the profile, identity and revocation need it. */
export interface Certificate {
  readonly der: Uint8Array
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint256: string
  readonly version: number
  readonly serial: BigInteger
  /** OID of the signature's algorithm; of RSASSA-PSS with its digest where that is no SHA-2. */
  readonly signatureAlgorithm: string
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  /** Milliseconds since the epoch; the certificate is valid at this instant. */
  readonly notBefore: number
  /** Milliseconds since the epoch; the certificate is valid at this instant. */
  readonly notAfter: number
  readonly publicKey: PublicKeyInfo
  readonly extensions: Extensions
}

const MAX_CERTIFICATE_BYTES = 65_536

/** Parses one certificate (RFC 5280 section 4.1). Throws a DerError for anything that is not one. */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) throw new DerError('larger than any certificate')
  const outer = open(readElement(der), TAG.sequence)
  const tbs = outer.take(TAG.sequence)
  const algorithm = outer.take(TAG.sequence)
  readOctetAlignedBits(outer.take(TAG.bitString))
  outer.end()
  return { der, fingerprint256: sha256(der), ...readToBeSigned(tbs, algorithm) }
}

/** The names in a certificate's subjectAltName. Throws a DerError for anything that is not a certificate. */
export function certificateNames(der: Uint8Array): NamesByKind {
  return namesByKind(parseCertificate(der).extensions.subjectAltName)
}

type ToBeSigned = Omit<Certificate, 'der' | 'fingerprint256'>

function readToBeSigned(tbs: Element, outerAlgorithm: Element): ToBeSigned {
  const fields = open(tbs, TAG.sequence)
  const version = readVersion(fields.maybe(contextTag(0, 'constructed')))
  const serial = readInteger(fields.take(TAG.integer))
  const algorithm = fields.take(TAG.sequence)
  // RFC 5280 4.1.1.2: MUST be the same; the unsigned field must not decide how the signature is read.
  if (hex(algorithm.raw) !== hex(outerAlgorithm.raw)) {
    throw new DerError('two different signature algorithms')
  }
  const issuer = readName(fields.next())
  const { notBefore, notAfter } = readValidity(fields.next())
  const subject = readName(fields.next())
  const publicKey = readPublicKeyInfo(fields.next())
  fields.maybe(contextTag(1, 'primitive'))
  fields.maybe(contextTag(2, 'primitive'))
  const wrapped = fields.maybe(contextTag(3, 'constructed'))
  fields.end()
  if (wrapped !== undefined && version !== 3) throw new DerError('extensions before version 3')
  return {
    version,
    serial,
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    extensions: readExtensions(wrapped),
  }
}

function readVersion(wrapped: Element | undefined): number {
  if (wrapped === undefined) return 1
  const inside = open(wrapped, wrapped.tag)
  const version = readSmallInteger(inside.take(TAG.integer)) + 1
  inside.end()
  if (version > 3) throw new DerError('a version that does not exist')
  return version
}

function readValidity(element: Element): { notBefore: number; notAfter: number } {
  const times = open(element, TAG.sequence)
  const notBefore = readTime(times.next())
  const notAfter = readTime(times.next())
  times.end()
  return { notBefore, notAfter }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A name to be written, or one copied byte for byte from another certificate. */
export type NameSource = Name | { readonly der: Uint8Array }

/** All fields of a certificate. Nothing is checked: hostile ones are made here too. */
export interface CertificateSpec {
  readonly subject: NameSource
  readonly issuer: NameSource
  readonly publicKey: KeyObject
  /** The issuer's private key. */
  readonly signWith: KeyObject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly extensions: readonly Extension[]
  /** Big-endian two's complement; 16 random positive bytes unless given. */
  readonly serial?: Uint8Array
  /** 3 unless given; version 1 has no extensions, even if the list has some. */
  readonly version?: 1 | 3
  readonly digest?: Digest
}

/** A certificate in DER, exactly as specified by `spec`. */
export function makeCertificate(spec: CertificateSpec): Buffer {
  const { signWith, version = 3, digest = digestFor(signWith) } = spec
  const tbs = sequence(
    ...(version === 1 ? [] : [tagged(0, integer(2))]),
    integer(spec.serial ?? randomSerial()),
    signatureAlgorithm(signWith, digest),
    nameOf(spec.issuer),
    sequence(time(spec.notBefore), time(spec.notAfter)),
    nameOf(spec.subject),
    spec.publicKey.export({ type: 'spki', format: 'der' }),
    ...(version === 1 ? [] : taggedExtensions(3, spec.extensions)),
  )
  return signed(tbs, signWith, digest)
}

function nameOf(source: NameSource): Uint8Array {
  return 'der' in source ? source.der : distinguishedName(source)
}

/**
 * 16 random bytes, positive and always of full length: 126 bits of chance, well under the 20 octets
 * of RFC 5280 section 4.1.2.2.
 */
export function randomSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return serial
}
