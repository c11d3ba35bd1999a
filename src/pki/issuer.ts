import { type KeyObject, X509Certificate } from 'node:crypto'
import { type CertificateSpec, makeCertificate, parseCertificate } from '../x509/certificate.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  type IssuerKey,
  keyIdentifier,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../x509/extensions.ts'
import type { AlternativeName } from '../x509/general-name.ts'
import { toPem } from '../x509/pem.ts'
import { type KeyKind, type KeyPair, makeKeys } from './keys.ts'

/** A CA that can sign: a root or an intermediate, with its key. */
export interface Issuer {
  readonly certificate: X509Certificate
  readonly key: KeyObject
  /** The bytes of its subject as in its certificate; what it signs repeats them as the issuer. */
  readonly name: { readonly der: Uint8Array }
  /**
   * The key identifier in its certificate; what it signs repeats it. A CA may compute its own in any
   * way (RFC 5280 4.2.1.1), and for OpenSSL a different identifier means a different issuer.
   */
  readonly keyId: Uint8Array
  /** What follows a leaf in `tls.crt`: this issuer and those above, without the root. */
  readonly chain: readonly Buffer[]
}

/** Clocks in a cluster differ a little, so validity begins this much in the past. */
export const BACKDATED_MS = 60_000

interface Validity {
  readonly now: Date
  readonly validForMs: number
}

/** A self-signed root. `pathLength` 0 signs leaves only, 1 (the default) allows one intermediate. */
export async function makeRoot(
  options: Validity & {
    readonly commonName: string
    readonly organization: string
    readonly key?: KeyKind
    readonly pathLength?: number
  },
): Promise<Issuer> {
  const { publicKey, privateKey } = await makeKeys(options.key)
  const name = { organization: options.organization, commonName: options.commonName }
  const der = makeCertificate({
    subject: name,
    issuer: name,
    publicKey,
    signWith: privateKey,
    ...validity(options),
    extensions: authorityExtensions(publicKey, publicKey, options.pathLength ?? 1),
  })
  return { ...issuer(der, privateKey), chain: [] }
}

/** A leaf for an existing public key. `extensions` replaces the whole ordinary list. */
export function makeLeaf(
  parent: Issuer,
  options: Validity & {
    readonly commonName: string
    readonly names: readonly AlternativeName[]
    readonly publicKey: KeyObject
    readonly serial?: Uint8Array
    readonly extensions?: readonly Extension[]
  },
): Buffer {
  const { publicKey, names, extensions } = options
  const spec: CertificateSpec = {
    // Identity is never read from a CN; it is for people, at most 64 characters (ub-common-name).
    subject: { commonName: options.commonName.slice(0, 64) },
    issuer: parent.name,
    publicKey,
    signWith: parent.key,
    ...validity(options),
    extensions: extensions ?? leafExtensions(publicKey, parent.keyId, names),
    ...(options.serial === undefined ? {} : { serial: options.serial }),
  }
  return makeCertificate(spec)
}

/** An issuer from its certificate and key. */
export function issuer(der: Uint8Array, key: KeyObject): Issuer {
  const certificate = new X509Certificate(der)
  const { subject, extensions } = parseCertificate(der)
  return {
    certificate,
    key,
    name: { der: Buffer.from(subject.key, 'hex') },
    keyId:
      extensions.subjectKeyId === undefined
        ? keyIdentifier(certificate.publicKey)
        : Buffer.from(extensions.subjectKeyId, 'hex'),
    chain: [Buffer.from(der)],
  }
}

/** Leaf and intermediates as `tls.crt` holds them. */
export function chainPem(leaf: Uint8Array, parent: Issuer): string {
  return [leaf, ...parent.chain].map((der) => toPem('CERTIFICATE', der)).join('')
}

/** A private key as `tls.key` holds it. */
export function keyPem({ privateKey }: Pick<KeyPair, 'privateKey'>): string {
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

/** The first eight hex digits of the key id: the name of an issuer in tables. */
export function shortId({ publicKey }: { readonly publicKey: KeyObject }): string {
  return keyIdentifier(publicKey).toString('hex').slice(0, 8)
}

function validity({ now, validForMs }: Validity) {
  return {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + validForMs),
  }
}

/** Extensions of an ordinary root or intermediate. `pathLength` 0: it signs leaves and nothing else. */
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

/** Extensions of an ordinary leaf: both purposes, because a sidecar is server on one leg and client on the other. */
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
