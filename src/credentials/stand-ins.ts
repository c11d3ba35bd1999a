import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Authority, type Chain, isIssuedBy, type TrustBundle } from '../trust/chain.ts'
import { type Certificate, makeCertificate } from '../x509/certificate.ts'
import type { BoundCrl } from '../x509/crl.ts'
import { contextTag, type Element, type Elements, open, readElement, TAG } from '../x509/der.ts'
import { sequence } from '../x509/der-write.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
} from '../x509/extensions.ts'
import { toPem } from '../x509/pem.ts'
import { signatureAlgorithm, signed } from '../x509/signature.ts'

// What OpenSSL will do with a peer under any root of the bundle can only be seen in a handshake, and
// of all those roots we have no key. So each authority and each list is copied byte for byte, but for
// its key and its signature, and a leaf is made under each copy: scope, key identifiers, purposes, path
// lengths, constraints and the choice among authorities of one name are then OpenSSL's own decisions.

/** Both PEM; the leaf first. */
export interface StandInPair {
  readonly key: string
  readonly cert: string
}

/** Bundle and lists with keys that we have. */
export interface StandIns {
  readonly caPems: readonly string[]
  readonly crlPems: readonly string[]
  /** A leaf of this authority for `uri`, with its key. */
  leafOf(authority: Authority, uri: string): StandInPair
  /** A copy of a whole chain below the bundle: its leaf and its intermediates. */
  copyOf(chain: Chain): StandInPair
}

const MINUTE_MS = 60_000

/** Copies everything; the copies keep the order, by which OpenSSL chooses among equal ones. */
export function standInsFor(bundle: TrustBundle, crls: readonly BoundCrl[]): StandIns {
  const { authorities } = bundle
  const keys = new Map<string, KeyPair>()
  const keyOf = (spkiSha256: string): KeyPair => {
    const key = keys.get(spkiSha256) ?? newKey()
    keys.set(spkiSha256, key)
    return key
  }
  const copy = (authority: Authority): Buffer => {
    const issuer = authorities.find((other) => isIssuedBy(authority, other))
    const signer = issuer === undefined ? newKey() : keyOf(issuer.publicKey.spkiSha256)
    return copyCertificate(authority, keyOf(authority.publicKey.spkiSha256), signer)
  }
  const leafKey = newKey()
  const keyPem = leafKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    caPems: authorities.map((authority) => toPem('CERTIFICATE', copy(authority))),
    crlPems: crls.map((crl) => toPem('X509 CRL', copyList(crl, keyOf(crl.signedBy)))),
    leafOf: (authority, uri) => {
      const leaf = makeLeaf(authority, keyOf(authority.publicKey.spkiSha256), leafKey, uri)
      return { key: keyPem, cert: toPem('CERTIFICATE', leaf) }
    },
    copyOf: ({ leaf, issuers }) => {
      const signers = issuers.map(({ publicKey }) => keyOf(publicKey.spkiSha256))
      const ders = [leaf, ...issuers.slice(0, -1)].map((each, index) => {
        return copyCertificate(each, index === 0 ? leafKey : signers[index - 1]!, signers[index]!)
      })
      return { key: keyPem, cert: ders.map((der) => toPem('CERTIFICATE', der)).join('') }
    },
  }
}

interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

function newKey(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function spkiOf({ publicKey }: KeyPair): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

/** The elements of what is signed in a certificate or list. */
function fieldsOf(der: Uint8Array): Elements {
  return open(open(readElement(der), TAG.sequence).take(TAG.sequence), TAG.sequence)
}

function copyCertificate({ der }: Certificate, key: KeyPair, signer: KeyPair): Buffer {
  const fields = fieldsOf(der)
  const version = fields.maybe(contextTag(0, 'constructed'))
  const serial = fields.next()
  fields.next()
  const [issuer, validity, subject] = [fields.next(), fields.next(), fields.next()]
  fields.next()
  const parts = [
    version,
    serial,
    signatureAlgorithm(signer.privateKey),
    issuer,
    validity,
    subject,
    spkiOf(key),
  ]
  return signed(sequence(...[...parts, ...rest(fields)].flatMap(bytesOf)), signer.privateKey)
}

/** Without its entries, which say nothing about a leaf made here. */
function copyList({ der }: BoundCrl, signer: KeyPair): Buffer {
  const fields = fieldsOf(der)
  const version = fields.maybe(TAG.integer)
  fields.next()
  const kept = rest(fields).filter(({ tag }, index) => index === 0 || tag !== TAG.sequence)
  return signed(
    sequence(...[version, signatureAlgorithm(signer.privateKey), ...kept].flatMap(bytesOf)),
    signer.privateKey,
  )
}

function rest(fields: Elements): readonly Element[] {
  const elements: Element[] = []
  while (!fields.done) elements.push(fields.next())
  return elements
}

function bytesOf(part: Element | Uint8Array | undefined): readonly Uint8Array[] {
  if (part === undefined) return []
  return [part instanceof Uint8Array ? part : part.raw]
}

/** As any CA would make it: it names its issuer's key where that has an identifier. */
function makeLeaf(authority: Authority, signer: KeyPair, key: KeyPair, uri: string): Buffer {
  const now = Date.now()
  const { subjectKeyId } = authority.extensions
  return makeCertificate({
    subject: {},
    issuer: { der: Buffer.from(authority.subject.key, 'hex') },
    publicKey: key.publicKey,
    signWith: signer.privateKey,
    notBefore: new Date(now - MINUTE_MS),
    notAfter: new Date(now + 60 * MINUTE_MS),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extendedKeyUsage(['serverAuth', 'clientAuth']),
      subjectAltName([{ kind: 'uri', value: uri }], true),
      ...(subjectKeyId === undefined
        ? []
        : [authorityKeyIdentifier(Buffer.from(subjectKeyId, 'hex'))]),
    ],
  })
}
