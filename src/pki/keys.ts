import { generateKeyPair, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { fault } from '../fault.ts'
import { bits, type Der, encode, nothing, oid, sequence } from './der.ts'

/** The keys that can be asked for. P-256 unless told: every Java and browser in use speaks it. */
export const KEY_KINDS = ['p256', 'p384', 'rsa2048', 'rsa3072'] as const

export type KeyKind = (typeof KEY_KINDS)[number]

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** A fresh key pair. */
export function makeKeys(kind: KeyKind = 'p256'): Promise<KeyPair> {
  const generate = promisify(generateKeyPair)
  if (kind === 'p256') return generate('ec', { namedCurve: 'P-256' })
  if (kind === 'p384') return generate('ec', { namedCurve: 'P-384' })
  return generate('rsa', { modulusLength: kind === 'rsa3072' ? 3072 : 2048 })
}

/** Reads what a person typed; throws a Fault that lists the kinds. */
export function keyKind(text: string): KeyKind {
  const kind = KEY_KINDS.find((known) => known === text)
  if (kind === undefined) {
    throw fault(`there is no kind of key \`${text}\``, {
      hint: `use one of ${KEY_KINDS.join(', ')}`,
    })
  }
  return kind
}

/** What kind of key it is, or undefined when it is none that this program would make. */
export function kindOf(key: KeyObject): KeyKind | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ec') {
    return namedCurve === 'prime256v1' ? 'p256' : namedCurve === 'secp384r1' ? 'p384' : undefined
  }
  if (key.asymmetricKeyType !== 'rsa') return undefined
  return modulusLength === 2048 ? 'rsa2048' : modulusLength === 3072 ? 'rsa3072' : undefined
}

/** `P-256`, `RSA-2048`: how a key is called in tables. */
export function keyTitle(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return `RSA-${modulusLength ?? '?'}`
  if (key.asymmetricKeyType !== 'ec') return key.asymmetricKeyType ?? 'unknown'
  if (namedCurve === 'prime256v1') return 'P-256'
  return namedCurve?.replace(/^secp(\d+)r1$/, 'P-$1') ?? 'EC'
}

/** Whether DESIGN rule 1's profile takes the key: EC of at least 256 bits, RSA of at least 2048. */
export function isStrong(key: KeyObject): boolean {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return (modulusLength ?? 0) >= 2048
  return ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve ?? '')
}

/** Digests that can be signed over; the weak one is there to make hostile certificates. */
export type Digest = 'sha1' | 'sha256' | 'sha384' | 'sha512'

const ECDSA = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
} as const

const RSA = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
} as const

const ED25519 = '1.3.101.112'

/** The AlgorithmIdentifier of a signature with this key: RSA has a NULL in it, ECDSA must not. */
export function signatureAlgorithm(key: KeyObject, digest: Digest = digestFor(key)): Der {
  if (key.asymmetricKeyType === 'ed25519') return sequence(oid(ED25519))
  if (key.asymmetricKeyType === 'rsa') return sequence(oid(RSA[digest]), nothing())
  return sequence(oid(ECDSA[digest]))
}

/** `SEQUENCE { tbs, algorithm, BIT STRING }`: the outside of certificates, CRLs and requests. */
export function signed(tbs: Der, key: KeyObject, digest: Digest = digestFor(key)): Buffer {
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : digest
  const signature = sign(algorithm, encode(tbs), { key, dsaEncoding: 'der' })
  return encode(sequence(tbs, signatureAlgorithm(key, digest), bits(signature)))
}

/** The digest that goes with a key: as strong as its curve. */
export function digestFor(key: KeyObject): Digest {
  const curve = key.asymmetricKeyDetails?.namedCurve
  return curve === 'secp384r1' ? 'sha384' : curve === 'secp521r1' ? 'sha512' : 'sha256'
}

/** The digest and family of a signature's object id, or undefined for one that is not taken. */
export function digestOf(algorithm: string): Exclude<Digest, 'sha1'> | undefined {
  for (const digest of ['sha256', 'sha384', 'sha512'] as const) {
    if (algorithm === ECDSA[digest] || algorithm === RSA[digest]) return digest
  }
  return undefined
}
