import { type KeyObject, sign, verify } from 'node:crypto'
import { contextTag, type Element, Elements, open, TAG } from './der.ts'
import { readOid } from './der-values.ts'
import { bits, nothing, oid, sequence } from './der-write.ts'

/** Digests to sign with; the weak one is for making hostile certificates. */
export type Digest = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** ecdsa-with-... (RFC 5758 3.2). */
const ECDSA = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
} as const

/** ...WithRSAEncryption (RFC 8017 A.2.4). */
const RSA = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
} as const

/** RSASSA-PSS (RFC 4055): the digest is in the parameters; the default is SHA-1. */
const PSS = '1.2.840.113549.1.1.10'
const ED25519 = '1.3.101.112'

/** SHA-2 with ECDSA or RSA, and Ed25519, which has a digest of its own (null). */
const DIGESTS: Readonly<Record<string, Digest | null>> = {
  [ECDSA.sha256]: 'sha256',
  [ECDSA.sha384]: 'sha384',
  [ECDSA.sha512]: 'sha512',
  [RSA.sha256]: 'sha256',
  [RSA.sha384]: 'sha384',
  [RSA.sha512]: 'sha512',
  [ED25519]: null,
}

/** Algorithms that a certificate may be signed with, by OID. */
export const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([...Object.keys(DIGESTS), PSS])

/** SHA-2 as digests of RSASSA-PSS. */
const SHA2 = ['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3']

/** What was signed, by which algorithm, and the signature. */
export interface Signed {
  readonly tbs: Uint8Array
  /** OID. */
  readonly algorithm: string
  readonly bits: Uint8Array
}

/** The OID of an AlgorithmIdentifier. */
export function algorithmOid(element: Element): string {
  return readOid(open(element, TAG.sequence).take(TAG.oid))
}

/** The OID of a signature's algorithm; for RSASSA-PSS with its digest if that is not SHA-2. */
export function signatureAlgorithmOf(element: Element): string {
  const id = algorithmOid(element)
  if (id !== PSS) return id
  const fields = open(element, TAG.sequence)
  fields.next()
  const hash = open(fields.take(TAG.sequence), TAG.sequence).maybe(contextTag(0, 'constructed'))
  const digest = hash === undefined ? 'SHA-1' : algorithmOid(new Elements(hash).next())
  return SHA2.includes(digest) ? id : `${id} with ${digest}`
}

/** Can `isSignatureOf` be true at all? Not for SHA-1, nor for RSASSA-PSS. */
export function isAcceptedSignature({ algorithm }: Signed): boolean {
  return DIGESTS[algorithm] !== undefined
}

/** Did this key sign it? False also for algorithms that are not accepted. */
export function isSignatureOf({ tbs, algorithm, bits }: Signed, key: KeyObject): boolean {
  const digest = DIGESTS[algorithm]
  if (digest === undefined) return false
  try {
    return verify(digest, tbs, { key, dsaEncoding: 'der' }, bits)
  } catch {
    // The key's kind does not fit the algorithm.
    return false
  }
}

/** The AlgorithmIdentifier of a signature with this key: RSA has a NULL in it, ECDSA must not. */
export function signatureAlgorithm(key: KeyObject, digest: Digest = digestFor(key)): Buffer {
  if (key.asymmetricKeyType === 'ed25519') return sequence(oid(ED25519))
  if (key.asymmetricKeyType === 'rsa') return sequence(oid(RSA[digest]), nothing())
  return sequence(oid(ECDSA[digest]))
}

/** `SEQUENCE { tbs, algorithm, BIT STRING }`: the outer structure of certificates, CRLs and requests. */
export function signed(tbs: Uint8Array, key: KeyObject, digest: Digest = digestFor(key)): Buffer {
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : digest
  const signature = sign(algorithm, tbs, { key, dsaEncoding: 'der' })
  return sequence(tbs, signatureAlgorithm(key, digest), bits(signature))
}

/** The digest for a key: as strong as its curve. */
export function digestFor(key: KeyObject): Digest {
  const curve = key.asymmetricKeyDetails?.namedCurve
  return curve === 'secp384r1' ? 'sha384' : curve === 'secp521r1' ? 'sha512' : 'sha256'
}
