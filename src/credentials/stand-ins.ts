import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { type Authority, isIssuedBy, type TrustBundle } from '../trust/chain.ts'
import type { BoundCrl } from '../x509/crl.ts'
import { contextTag, type Element, type Elements, open, readElement, TAG } from '../x509/der.ts'
import { element, octetAlignedBits, sequence, time } from '../x509/der-write.ts'
import { toPem } from '../x509/pem.ts'

// What OpenSSL will do with a peer under any root of the bundle can only be seen in a handshake, and
// of all those roots we have no key. So each authority and each list is copied byte for byte, but for
// its key and its signature, and a leaf is made under each copy: scope, key identifiers, purposes, path
// lengths, constraints and the choice among authorities of one name are then OpenSSL's own decisions.

/** Bundle and lists with keys that we have. */
export interface StandIns {
  readonly caPems: readonly string[]
  readonly crlPems: readonly string[]
  /** A leaf of this authority for `uri`, with its key. */
  leafOf(authority: Authority, uri: string): { readonly key: string; readonly cert: string }
}

/** ecdsa-with-SHA256 (RFC 5758 3.2). */
const ALGORITHM = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
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

function signed(tbs: Buffer, { privateKey }: KeyPair): Buffer {
  const signature = sign('sha256', tbs, { key: privateKey, dsaEncoding: 'der' })
  return sequence(tbs, ALGORITHM, octetAlignedBits(signature))
}

/** The elements of what is signed in a certificate or list. */
function fieldsOf(der: Uint8Array): Elements {
  return open(open(readElement(der), TAG.sequence).take(TAG.sequence), TAG.sequence)
}

function copyCertificate({ der }: Authority, key: KeyPair, signer: KeyPair): Buffer {
  const fields = fieldsOf(der)
  const version = fields.maybe(contextTag(0, 'constructed'))
  const serial = fields.next()
  fields.next()
  const [issuer, validity, subject] = [fields.next(), fields.next(), fields.next()]
  fields.next()
  const parts = [version, serial, ALGORITHM, issuer, validity, subject, spkiOf(key)]
  return signed(sequence(...[...parts, ...rest(fields)].flatMap(bytesOf)), signer)
}

/** Without its entries, which say nothing of a leaf that nobody issued. */
function copyList({ der }: BoundCrl, signer: KeyPair): Buffer {
  const fields = fieldsOf(der)
  const version = fields.maybe(TAG.integer)
  fields.next()
  const kept = rest(fields).filter(({ tag }, index) => index === 0 || tag !== TAG.sequence)
  return signed(sequence(...[version, ALGORITHM, ...kept].flatMap(bytesOf)), signer)
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

const EMPTY_NAME = sequence()
/** cA FALSE, digitalSignature, serverAuth and clientAuth, as DER. */
const CONSTRAINTS = extension('551d13', sequence(), true)
const KEY_USAGE = extension('551d0f', Buffer.from('03020780', 'hex'), true)
const PURPOSES = extension(
  '551d25',
  sequence(Buffer.from('06082b06010505070301', 'hex'), Buffer.from('06082b06010505070302', 'hex')),
)

/** As any CA would make it: it names its issuer's key where that has an identifier. */
function makeLeaf(authority: Authority, signer: KeyPair, key: KeyPair, uri: string): Buffer {
  const now = Date.now()
  const name = element(contextTag(6, 'primitive'), Buffer.from(uri, 'latin1'))
  const { subjectKeyId } = authority.extensions
  const issuerKey =
    subjectKeyId === undefined
      ? []
      : [element(contextTag(0, 'primitive'), Buffer.from(subjectKeyId, 'hex'))]
  const extensions = [
    ...[CONSTRAINTS, KEY_USAGE, PURPOSES],
    extension('551d11', sequence(name), true),
    ...issuerKey.map((id) => extension('551d23', sequence(id))),
  ]
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const tbs = sequence(
    element(contextTag(0, 'constructed'), element(TAG.integer, Buffer.of(2))),
    element(TAG.integer, serial),
    ALGORITHM,
    Buffer.from(authority.subject.key, 'hex'),
    sequence(time(now - MINUTE_MS), time(now + 60 * MINUTE_MS)),
    EMPTY_NAME,
    spkiOf(key),
    element(contextTag(3, 'constructed'), sequence(...extensions)),
  )
  return signed(tbs, signer)
}

function extension(oidContent: string, value: Uint8Array, critical = false): Buffer {
  return sequence(
    element(TAG.oid, Buffer.from(oidContent, 'hex')),
    ...(critical ? [element(TAG.boolean, Buffer.of(0xff))] : []),
    element(TAG.octetString, value),
  )
}
