import type { KeyObject } from 'node:crypto'
import { chainPem, type Issuer, keyPem, leafExtensions, makeRoot } from '../pki/issuer.ts'
import { makeKeys, type KeyPair as PkiKeys } from '../pki/keys.ts'
import { makeCertificate } from '../x509/certificate.ts'
import type { Extension, IssuerKey } from '../x509/extensions.ts'
import type { AlternativeName } from '../x509/general-name.ts'
import { toPem } from '../x509/pem.ts'
import type { Digest } from '../x509/signature.ts'
import type { PemPair } from './dial.ts'

const HOUR_MS = 3600_000

/** A CA that no target trusts, although it may have the name of a trusted one. */
export function foreignRoot(trustDomain: string): Promise<Issuer> {
  return makeRoot({
    commonName: `${trustDomain} CA`,
    organization: trustDomain,
    now: new Date(),
    validForMs: HOUR_MS,
  })
}

/** How a certificate differs from an ordinary one. */
export interface Shape {
  readonly commonName: string
  readonly names?: readonly AlternativeName[]
  /** Replaces the whole ordinary list. */
  readonly extensions?: (publicKey: KeyObject, issuerKey: IssuerKey) => readonly Extension[]
  /** Hours from now, may be negative; from an hour ago to in an hour unless given. */
  readonly hours?: readonly [from: number, to: number]
  readonly serial?: Uint8Array
  readonly digest?: Digest
  readonly keys?: PkiKeys
}

/** A leaf of this shape with a new key. `'self'`: signed by that key. */
export async function forged(parent: Issuer | 'self', shape: Shape): Promise<PemPair> {
  const keys = shape.keys ?? (await makeKeys())
  const { publicKey, privateKey } = keys
  const subject = { commonName: shape.commonName.slice(0, 64) }
  const issuerKey = parent === 'self' ? publicKey : parent.keyId
  const [from, to] = shape.hours ?? [-1, 1]
  const { extensions = ordinary(shape.names ?? []) } = shape
  const der = makeCertificate({
    subject,
    issuer: parent === 'self' ? subject : parent.name,
    publicKey,
    signWith: parent === 'self' ? privateKey : parent.key,
    notBefore: new Date(Date.now() + from * HOUR_MS),
    notAfter: new Date(Date.now() + to * HOUR_MS),
    extensions: extensions(publicKey, issuerKey),
    ...(shape.serial === undefined ? {} : { serial: shape.serial }),
    ...(shape.digest === undefined ? {} : { digest: shape.digest }),
  })
  const cert = parent === 'self' ? toPem('CERTIFICATE', der) : chainPem(der, parent)
  return { cert, key: keyPem(keys) }
}

function ordinary(names: readonly AlternativeName[]) {
  return (publicKey: KeyObject, issuerKey: IssuerKey) => leafExtensions(publicKey, issuerKey, names)
}

/** An identifying name, exactly as given: nothing is escaped or checked. */
function uri(value: string): AlternativeName {
  return { kind: 'uri', value: Buffer.from(value, 'latin1') }
}

/** The only name that identifies a module. */
export function moduleUri(trustDomain: string, id: string): AlternativeName {
  return uri(`spiffe://${trustDomain}/module/${id}`)
}
