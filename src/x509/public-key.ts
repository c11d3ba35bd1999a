import { createHash } from 'node:crypto'
import { DerError, type Element, open, readElement, TAG } from './der.ts'
import { readInteger, readOctetAlignedBits, readOid } from './der-values.ts'

/** What a certificate says about its key. */
export interface PublicKeyInfo {
  readonly algorithm: 'ec' | 'rsa' | 'ed25519' | 'other'
  /** `P-256`, `P-384`, `P-521`, or the OID of another curve; EC keys only. */
  readonly curve?: string
  /** Size of the modulus; RSA keys only. */
  readonly bits?: number
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** SHA-256 of the SPKI, lower-case hex: what an SPKI pin names. */
  readonly spkiSha256: string
}

const EC = '1.2.840.10045.2.1'
const RSA = '1.2.840.113549.1.1.1'
const ED25519 = '1.3.101.112'

const CURVES: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
}

/** Reads SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 5480, RFC 8410). Throws a DerError. */
export function readPublicKeyInfo(element: Element): PublicKeyInfo {
  const fields = open(element, TAG.sequence)
  const algorithm = open(fields.next(), TAG.sequence)
  const oid = readOid(algorithm.take(TAG.oid))
  const parameters = algorithm.done ? undefined : algorithm.next()
  algorithm.end()
  const key = readOctetAlignedBits(fields.take(TAG.bitString))
  fields.end()
  const spki = element.raw
  const common = { spki, spkiSha256: createHash('sha256').update(spki).digest('hex') }
  if (oid === EC) return { algorithm: 'ec', curve: curveOf(parameters), ...common }
  if (oid === RSA) return { algorithm: 'rsa', bits: modulusBits(key), ...common }
  return { algorithm: oid === ED25519 ? 'ed25519' : 'other', ...common }
}

/** RFC 5480 2.1.1: named curves only; explicit parameters were CVE-2020-0601. */
function curveOf(parameters: Element | undefined): string {
  if (parameters?.tag !== TAG.oid) throw new DerError('an EC key that names no curve')
  const oid = readOid(parameters)
  return CURVES[oid] ?? oid
}

function modulusBits(key: Uint8Array): number {
  const fields = open(readElement(key), TAG.sequence)
  const modulus = readInteger(fields.take(TAG.integer))
  const exponent = readInteger(fields.take(TAG.integer))
  fields.end()
  if (modulus.sign !== 1 || exponent.sign !== 1) throw new DerError('an RSA key below one')
  const stripped = modulus.hex
  const leading = Number.parseInt(stripped.slice(0, 2), 16)
  return (stripped.length / 2 - 1) * 8 + (32 - Math.clz32(leading))
}
