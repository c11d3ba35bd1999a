import { createHash } from 'node:crypto'
import { contextTag, DerError, type Element, Elements, open, readElement, TAG } from './der.ts'
import {
  type BigInteger,
  hex,
  readInteger,
  readOctetAlignedBits,
  readOid,
  readSmallInteger,
  readTime,
} from './der-values.ts'
import { type Extensions, readExtensions } from './extensions.ts'
import { type DistinguishedName, readName } from './name.ts'
import { type PublicKeyInfo, readPublicKeyInfo } from './public-key.ts'

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

type ToBeSigned = Omit<Certificate, 'der' | 'fingerprint256'>

function readToBeSigned(tbs: Element, outerAlgorithm: Element): ToBeSigned {
  const fields = open(tbs, TAG.sequence)
  const version = readVersion(fields.maybe(contextTag(0, 'constructed')))
  const serial = readInteger(fields.take(TAG.integer))
  const algorithm = fields.take(TAG.sequence)
  // RFC 5280 4.1.1.2: MUST be the same; what is not signed must not say how the signature is read.
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

/** RSASSA-PSS (RFC 4055), whose digest stands in its parameters and is SHA-1 where they say nothing. */
const PSS = '1.2.840.113549.1.1.10'
const SHA2 = ['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3']

/** The OID of a signature's algorithm; of RSASSA-PSS with its digest where that is no SHA-2. */
function signatureAlgorithmOf(element: Element): string {
  const oid = algorithmOid(element)
  if (oid !== PSS) return oid
  const fields = open(element, TAG.sequence)
  fields.next()
  const hash = open(fields.take(TAG.sequence), TAG.sequence).maybe(contextTag(0, 'constructed'))
  const digest = hash === undefined ? 'SHA-1' : algorithmOid(new Elements(hash).next())
  return SHA2.includes(digest) ? oid : `${oid} with ${digest}`
}

/** The OID of an AlgorithmIdentifier. */
export function algorithmOid(element: Element): string {
  return readOid(open(element, TAG.sequence).take(TAG.oid))
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
