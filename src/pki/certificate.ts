import { type KeyObject, randomBytes } from 'node:crypto'
import { type Der, decode, integer, sequence, tagged, time } from './der.ts'
import {
  type AlternativeName,
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  type IssuerKey,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
  taggedExtensions,
} from './extensions.ts'
import { type Digest, digestFor, signatureAlgorithm, signed } from './keys.ts'
import { distinguishedName, type Name } from './name.ts'

/** A name to be written, or one copied byte for byte out of another certificate. */
export type NameSource = Name | { readonly der: Der }

/** Everything that stands in a certificate. Nothing is checked: hostile ones are made here too. */
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
  /** 3 unless given; 1 has no extensions whatever the list says. */
  readonly version?: 1 | 3
  readonly digest?: Digest
}

/** A certificate in DER, exactly as the spec says. */
export function makeCertificate(spec: CertificateSpec): Buffer {
  const { signWith, version = 3, digest = digestFor(signWith) } = spec
  const tbs = sequence(
    ...(version === 1 ? [] : [tagged(0, integer(2))]),
    integer(spec.serial ?? randomSerial()),
    signatureAlgorithm(signWith, digest),
    nameOf(spec.issuer),
    sequence(time(spec.notBefore), time(spec.notAfter)),
    nameOf(spec.subject),
    decode(spec.publicKey.export({ type: 'spki', format: 'der' })),
    ...(version === 1 ? [] : taggedExtensions(3, spec.extensions)),
  )
  return signed(tbs, signWith, digest)
}

function nameOf(source: NameSource): Der {
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

/** What an ordinary root or intermediate holds. `pathLength` 0: it signs leaves and nothing else. */
export function authorityExtensions(
  publicKey: KeyObject,
  issuerKey: IssuerKey,
  pathLength: number | undefined,
): readonly Extension[] {
  return [
    basicConstraints(pathLength === undefined ? { ca: true } : { ca: true, pathLength }),
    keyUsage(['keyCertSign', 'cRLSign']),
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(issuerKey),
  ]
}

/** What an ordinary leaf holds: both purposes, because a sidecar is server on one leg and client on the other. */
export function leafExtensions(
  publicKey: KeyObject,
  issuerKey: IssuerKey,
  names: readonly AlternativeName[],
): readonly Extension[] {
  return [
    basicConstraints({ ca: false }),
    keyUsage(['digitalSignature']),
    extendedKeyUsage(['serverAuth', 'clientAuth']),
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(issuerKey),
    subjectAltName(names),
  ]
}
