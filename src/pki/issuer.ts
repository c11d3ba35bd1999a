import { type KeyObject, X509Certificate } from 'node:crypto'
import {
  authorityExtensions,
  type CertificateSpec,
  leafExtensions,
  makeCertificate,
} from './certificate.ts'
import { type Der, decode, members } from './der.ts'
import { type AlternativeName, type Extension, keyIdentifier } from './extensions.ts'
import { type KeyKind, type KeyPair, makeKeys } from './keys.ts'
import { pem } from './pem.ts'
import { subjectKeyId } from './read.ts'

/** A CA that can sign: a root or an intermediate, with its key. */
export interface Issuer {
  readonly certificate: X509Certificate
  readonly key: KeyObject
  /** Its subject as it stands in its certificate: what it signs repeats these bytes. */
  readonly name: { readonly der: Der }
  /**
   * The key identifier of its certificate, which what it signs repeats: a CA may compute its own as it
   * likes (RFC 5280 4.2.1.1), and OpenSSL takes another one for another issuer.
   */
  readonly keyId: Uint8Array
  /** What goes behind a leaf in `tls.crt`: this issuer and those above, without the root. */
  readonly chain: readonly Buffer[]
}

/** Clocks of a cluster differ a little: nothing is dated from this very second. */
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

/** An intermediate that signs leaves only. */
export async function makeIntermediate(
  parent: Issuer,
  options: Validity & { readonly commonName: string; readonly key?: KeyKind },
): Promise<Issuer> {
  const { publicKey, privateKey } = await makeKeys(options.key)
  const der = makeCertificate({
    subject: { commonName: options.commonName },
    issuer: parent.name,
    publicKey,
    signWith: parent.key,
    ...validity(options),
    extensions: authorityExtensions(publicKey, parent.keyId, 0),
  })
  return { ...issuer(der, privateKey), chain: [der, ...parent.chain] }
}

/** A leaf for a public key that is already there. `extensions` replaces the whole ordinary list. */
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
    // Nobody reads identity from a CN; it is there for people and ends at 64 (ub-common-name).
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

/** The issuer that a certificate and its key make. */
export function issuer(der: Uint8Array, key: KeyObject): Issuer {
  const certificate = new X509Certificate(der)
  return {
    certificate,
    key,
    name: { der: subjectDer(der) },
    keyId: subjectKeyId(der) ?? keyIdentifier(certificate.publicKey),
    chain: [Buffer.from(der)],
  }
}

/** Leaf and intermediates as `tls.crt` holds them. */
export function chainPem(leaf: Uint8Array, parent: Issuer): string {
  return [leaf, ...parent.chain].map((der) => pem('CERTIFICATE', der)).join('')
}

/** A private key as `tls.key` holds it. */
export function keyPem({ privateKey }: Pick<KeyPair, 'privateKey'>): string {
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

/** The first eight hex digits of the key id: what tables call an issuer. */
export function shortId(certificate: X509Certificate): string {
  return keyIdentifier(certificate.publicKey).toString('hex').slice(0, 8)
}

/** The subject of a certificate, in DER. */
export function subjectDer(certificate: Uint8Array): Der {
  const [tbs] = members(decode(certificate))
  // version [0], serial, algorithm, issuer, validity, subject; a version 1 certificate has no [0].
  const fields = members(tbs)
  const found = fields[fields[0]?.constructed === true ? 5 : 4]
  if (found === undefined) throw new Error('a certificate without a subject')
  return found
}

function validity({ now, validForMs }: Validity) {
  return {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + validForMs),
  }
}
