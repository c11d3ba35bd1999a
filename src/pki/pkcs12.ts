import {
  createHash,
  createHmac,
  type KeyObject,
  randomBytes,
  type X509Certificate,
} from 'node:crypto'
import forge from 'node-forge'
import { TAG } from '../x509/der.ts'
import { element, integer, nothing, octets, oid, sequence, set, tagged } from '../x509/der-write.ts'

const OID = {
  data: '1.2.840.113549.1.7.1',
  keyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  // Without Oracle's attribute Java sees a trust store with no entry in it.
  javaTrusted: '2.16.840.1.113894.746875.1.1',
  anyPurpose: '2.5.29.37.0',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const

const MAC_ITERATIONS = 10_000
const MAC_KEY_ID = 3

/** A certificate in a store, under the alias that `keytool -list` shows. */
export interface StoredCertificate {
  readonly alias: string
  readonly certificate: X509Certificate
}

/** A key store: one private key with its chain, leaf first. */
export function keyStore(
  alias: string,
  key: KeyObject,
  chain: readonly X509Certificate[],
  password: string,
): Buffer {
  const [leaf, ...issuers] = chain
  if (leaf === undefined) throw new TypeError('a key store without a certificate')
  const id = createHash('sha1').update(leaf.raw).digest()
  const shrouded = key.export({
    type: 'pkcs8',
    format: 'der',
    cipher: 'aes-256-cbc',
    passphrase: password,
  })
  const mine = [friendlyName(alias), attribute(OID.localKeyId, octets(id))]
  const bags = [
    bag(OID.keyBag, shrouded, mine),
    certificateBag(leaf, mine),
    ...issuers.map((issuer, i) =>
      certificateBag(issuer, [friendlyName(`${alias} issuer ${i + 1}`)]),
    ),
  ]
  return store(bags, password)
}

/** A trust store: every root as an entry that Java trusts for any purpose. */
export function trustStore(roots: readonly StoredCertificate[], password: string): Buffer {
  const trusted = attribute(OID.javaTrusted, oid(OID.anyPurpose))
  const bags = roots.map(({ alias, certificate }) =>
    certificateBag(certificate, [friendlyName(alias), trusted]),
  )
  return store(bags, password)
}

function certificateBag({ raw }: X509Certificate, attributes: readonly Buffer[]): Buffer {
  return bag(OID.certificateBag, sequence(oid(OID.x509), tagged(0, octets(raw))), attributes)
}

function bag(kind: string, content: Buffer, attributes: readonly Buffer[]): Buffer {
  return sequence(oid(kind), tagged(0, content), set(...attributes))
}

function attribute(kind: string, value: Buffer): Buffer {
  return sequence(oid(kind), set(value))
}

function friendlyName(alias: string): Buffer {
  // BMPString: UTF-16, the high octet first.
  return attribute(OID.friendlyName, element(TAG.bmpString, Buffer.from(alias, 'utf16le').swap16()))
}

/** RFC 7292: the bags in one unencrypted safe (the key is encrypted by itself), under an HMAC. */
function store(bags: readonly Buffer[], password: string): Buffer {
  const safe = sequence(data(sequence(...bags)))
  const salt = randomBytes(20)
  const mac = createHmac('sha256', macKey(password, salt)).update(safe).digest()
  const digest = sequence(sequence(oid(OID.sha256), nothing()), octets(mac))
  return sequence(integer(3), data(safe), sequence(digest, octets(salt), integer(MAC_ITERATIONS)))
}

function data(content: Uint8Array): Buffer {
  return sequence(oid(OID.data), tagged(0, octets(content)))
}

/** PKCS#12's own derivation (RFC 7292 appendix B), which node:crypto does not have. */
function macKey(password: string, salt: Buffer): Buffer {
  const bytes = forge.util.createBuffer(salt.toString('binary'))
  const sha256 = forge.md.sha256.create()
  const key = forge.pkcs12.generateKey(password, bytes, MAC_KEY_ID, MAC_ITERATIONS, 32, sha256)
  return Buffer.from(key.getBytes(), 'binary')
}
