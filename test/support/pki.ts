import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  bits,
  boolean,
  der,
  explicit,
  flags,
  implicit,
  integer,
  octets,
  oid,
  pem,
  sequence,
  set,
  time,
  utf8,
} from './der.ts'

// A small PKI for tests: certificates and lists of any kind, the impossible ones included, which
// openssl's command line would not make. Its own DER, so that reader and writer do not share a
// mistake; `pki.test.ts` shows that `openssl verify -x509_strict` accepts what is meant to be good.

export type KeyKind =
  | 'p256'
  | 'p384'
  | 'p521'
  | 'secp256k1'
  | 'p224'
  | 'ed25519'
  | 'rsa1024'
  | 'rsa2048'
  | 'rsa3072'
  | 'rsa-pss2048'

export interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** The content of a certificate; by default it is valid. */
export interface CertificateOptions {
  readonly cn?: string
  readonly uri?: readonly string[]
  readonly dns?: readonly string[]
  readonly ip?: readonly string[]
  readonly email?: readonly string[]
  /** GeneralNames as DER, after the others. */
  readonly names?: readonly Uint8Array[]
  /** Short names or OIDs; null: no extension. Leaves: both; authorities: none. */
  readonly eku?: readonly string[] | null
  /** Bit numbers; null: no extension. Leaves: digitalSignature; authorities: certSign, cRLSign. */
  readonly keyUsage?: readonly number[] | null
  /** CA:TRUE or CA:FALSE; null: no basicConstraints. */
  readonly ca?: boolean | null
  readonly pathLength?: number
  /** From now (less a minute), when `notBefore` and `notAfter` are not given. */
  readonly days?: number
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** A kind, or a pair made before. */
  readonly key?: KeyKind | Pair
  /** Content octets of the INTEGER. */
  readonly serial?: Uint8Array
  readonly version?: 1 | 2 | 3
  /** Extensions as DER, after the others. */
  readonly extensions?: readonly Uint8Array[]
  /** Key identifiers; null: no extension. Authorities have their own, all have their issuer's. */
  readonly subjectKeyId?: Uint8Array | null
  readonly authorityKeyId?: Uint8Array | null
  readonly digest?: 'sha256' | 'sha384' | 'sha512' | 'sha1'
  /** Flips a bit of the signature. */
  readonly forged?: boolean
}

export interface Issued {
  readonly certPem: string
  readonly keyPem: string
  readonly certDer: Buffer
  readonly pair: Pair
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array
  /** The certificate and the intermediates between it and the root: what belongs into tls.crt. */
  readonly chainPem: string
}

export interface CrlOptions {
  readonly thisUpdate?: Date
  readonly nextUpdate?: Date | null
  /** 1 unless given; null: no CRLNumber. */
  readonly number?: number | null
  readonly extensions?: readonly Uint8Array[]
  readonly forged?: boolean
}

export interface TestCa extends Issued {
  readonly cn: string
  /** The root's certificate, also where this is an intermediate. */
  readonly rootPem: string
  issue(options?: CertificateOptions): Promise<Issued>
  intermediate(cn?: string, options?: CertificateOptions): Promise<TestCa>
  /** A revocation list in PEM naming these. */
  crl(revoked?: readonly (Issued | Uint8Array)[], options?: CrlOptions): Promise<string>
  /** What is signed with this authority's key: any DER. */
  sign(tbs: Uint8Array, digest?: CertificateOptions['digest']): Buffer
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const EKU: Readonly<Record<string, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  any: '2.5.29.37.0',
}

/**
 * A root of its own. With a directory it is also written there as `NAME.crt` and `NAME.key`.
 * Keys of authorities are made once per process and name; RSA keys once per process and size.
 */
export async function makeCa(
  directory: string | undefined,
  cn: string,
  options: CertificateOptions = {},
): Promise<TestCa> {
  const pair = pairOf(options.key ?? 'p256', `root ${cn}`)
  const root = makeCertificate(cn, { ca: true, days: 3650, ...options }, pair, { cn, pair })
  const ca = authority(cn, pair, root, root.certPem, [])
  if (directory !== undefined) {
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, `${cn}.crt`), ca.certPem)
    await writeFile(join(directory, `${cn}.key`), ca.keyPem, { mode: 0o600 })
  }
  return ca
}

/** Writes tls.crt, tls.key, ca.crt and perhaps ca.crl with the modes that they should have. */
export async function writeCredentials(
  directory: string,
  files: { leaf: Issued; ca: string; crl?: string },
): Promise<string> {
  await mkdir(directory, { recursive: true })
  const write = async (name: string, text: string, mode: number) => {
    await writeFile(join(directory, name), text)
    await chmod(join(directory, name), mode)
  }
  await write('tls.key', files.leaf.keyPem, 0o600)
  await write('tls.crt', files.leaf.chainPem, 0o644)
  await write('ca.crt', files.ca, 0o644)
  if (files.crl !== undefined) await write('ca.crl', files.crl, 0o644)
  return directory
}

/** `spiffe://folio.test/module/ID` with a DNS name: what most tests want. */
export function moduleNames(id: string, trustDomain = 'folio.test'): CertificateOptions {
  return { cn: id, uri: [`spiffe://${trustDomain}/module/${id}`], dns: ['localhost'] }
}

function authority(
  cn: string,
  pair: Pair,
  certificate: Issued,
  rootPem: string,
  above: readonly string[],
): TestCa {
  const issuer = { cn, pair }
  return {
    ...certificate,
    cn,
    rootPem,
    issue: async (options = {}) => {
      const own = pairOf(options.key ?? 'p256')
      const leaf = makeCertificate(options.cn ?? 'leaf', options, own, issuer)
      return { ...leaf, chainPem: [leaf.certPem, ...above].join('') }
    },
    intermediate: async (name = `${cn} intermediate`, options = {}) => {
      const own = pairOf(options.key ?? 'p256', `intermediate ${name} of ${cn}`)
      const made = makeCertificate(name, { ca: true, days: 1825, ...options }, own, issuer)
      const chain = [made.certPem, ...above]
      return authority(name, own, { ...made, chainPem: chain.join('') }, rootPem, chain)
    },
    crl: async (revoked = [], options = {}) =>
      makeCrl(
        revoked.map((each) => ('serial' in each ? each.serial : each)),
        options,
        issuer,
      ),
    sign: (tbs, digest) => signed(tbs, pair.privateKey, digest),
  }
}

interface Issuer {
  readonly cn: string
  readonly pair: Pair
}

function makeCertificate(
  cn: string,
  options: CertificateOptions,
  pair: Pair,
  issuer: Issuer,
): Issued {
  const { version = 3, days = 30, digest, forged = false } = options
  const notBefore = options.notBefore ?? new Date(Date.now() - MINUTE_MS)
  const notAfter = options.notAfter ?? new Date(Date.now() + days * DAY_MS)
  const serial = options.serial ?? newSerial()
  const extensions = extensionsOf(options, pair, issuer.pair)
  const tbs = sequence(
    ...(version === 1 ? [] : [explicit(0, integer(version - 1))]),
    der(0x02, serial),
    algorithmFor(issuer.pair.privateKey, digest),
    nameOf(issuer.cn),
    sequence(time(notBefore), time(notAfter)),
    nameOf(cn),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    ...(version === 3 && extensions.length > 0 ? [explicit(3, sequence(...extensions))] : []),
  )
  const certDer = forge(signed(tbs, issuer.pair.privateKey, digest), forged)
  const certPem = pem('CERTIFICATE', certDer)
  const keyPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { certPem, keyPem, certDer, pair, serial, chainPem: certPem }
}

function extensionsOf(options: CertificateOptions, own: Pair, issuer: Pair): readonly Buffer[] {
  const { ca = false, pathLength, uri = [], dns = [], ip = [], email = [], names = [] } = options
  const { keyUsage = ca ? [5, 6] : [0], eku = ca ? null : ['serverAuth', 'clientAuth'] } = options
  const san = [
    ...uri.map((each) => implicit(6, Buffer.from(each, 'latin1'))),
    ...dns.map((each) => implicit(2, Buffer.from(each, 'latin1'))),
    ...ip.map((each) => implicit(7, Buffer.from(each.split('.').map(Number)))),
    ...email.map((each) => implicit(1, Buffer.from(each, 'latin1'))),
    ...names.map((each) => Buffer.from(each)),
  ]
  const length = pathLength === undefined ? [] : [integer(pathLength)]
  const list: Buffer[] = []
  if (ca !== null) {
    list.push(extension('2.5.29.19', sequence(...(ca ? [boolean(true)] : []), ...length), true))
  }
  if (keyUsage !== null) list.push(extension('2.5.29.15', flags(keyUsage), true))
  if (eku !== null) {
    list.push(extension('2.5.29.37', sequence(...eku.map((each) => oid(EKU[each] ?? each)))))
  }
  if (san.length > 0) list.push(extension('2.5.29.17', sequence(...san)))
  const { subjectKeyId = ca ? keyIdOf(own) : null, authorityKeyId = keyIdOf(issuer) } = options
  if (subjectKeyId !== null) list.push(extension('2.5.29.14', octets(subjectKeyId)))
  if (authorityKeyId !== null) list.push(authorityKeyIdentifier(authorityKeyId))
  return [...list, ...(options.extensions ?? []).map((each) => Buffer.from(each))]
}

/** The key identifier alone. */
export function authorityKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension('2.5.29.35', sequence(implicit(0, keyId)))
}

/** SHA-1 of the key's BIT STRING (RFC 5280 4.2.1.2), which is the end of the SPKI. */
export function keyIdOf({ publicKey }: Pair): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const content =
    publicKey.asymmetricKeyType === 'ec' || publicKey.asymmetricKeyType === 'ed25519'
      ? spki.subarray(spki.indexOf(Buffer.of(0x03), algorithmEnd(spki)) + 3)
      : spki
  return createHash('sha1').update(content).digest()
}

/** Where the AlgorithmIdentifier inside a short SPKI ends. */
function algorithmEnd(spki: Buffer): number {
  const start = spki[1]! < 0x80 ? 2 : 2 + (spki[1]! & 0x7f)
  return start + 2 + spki[start + 1]!
}

/** One extension, its value wrapped into the octet string. */
export function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value))
}

function makeCrl(serials: readonly Uint8Array[], options: CrlOptions, issuer: Issuer): string {
  const { thisUpdate = new Date(Date.now() - MINUTE_MS), extensions = [], forged = false } = options
  const { nextUpdate = new Date(Date.now() + 7 * DAY_MS) } = options
  const number = options.number === undefined ? 1 : options.number
  const list = [
    ...(number === null ? [] : [extension('2.5.29.20', integer(number))]),
    ...extensions,
  ]
  const entries = serials.map((serial) => sequence(der(0x02, serial), time(thisUpdate)))
  const tbs = sequence(
    integer(1),
    algorithmFor(issuer.pair.privateKey),
    nameOf(issuer.cn),
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    ...(list.length === 0 ? [] : [explicit(0, sequence(...list))]),
  )
  return pem('X509 CRL', forge(signed(tbs, issuer.pair.privateKey), forged))
}

/** `CN=...`, or an empty name. */
export function nameOf(cn: string): Buffer {
  return cn === '' ? sequence() : sequence(set(sequence(oid('2.5.4.3'), utf8(cn))))
}

function signed(
  tbs: Uint8Array,
  key: KeyObject,
  digest: CertificateOptions['digest'] = 'sha256',
): Buffer {
  const hash = key.asymmetricKeyType === 'ed25519' ? null : digest
  const signature = sign(hash, tbs, { key, dsaEncoding: 'der' })
  return sequence(tbs, algorithmFor(key, digest), bits(signature))
}

const ECDSA_OIDS = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}
const RSA_OIDS = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
}

function algorithmFor(key: KeyObject, digest: CertificateOptions['digest'] = 'sha256'): Buffer {
  if (key.asymmetricKeyType === 'ed25519') return sequence(oid('1.3.101.112'))
  if (key.asymmetricKeyType === 'ec') return sequence(oid(ECDSA_OIDS[digest]))
  return sequence(oid(RSA_OIDS[digest]), der(0x05))
}

/** Positive, 16 octets, never padded. */
function newSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  return serial
}

function forge(whole: Buffer, wanted: boolean): Buffer {
  if (wanted) whole[whole.length - 1]! ^= 1
  return whole
}

const cachedPairs = new Map<string, Pair>()

/** RSA takes long to make and authorities are met again and again: those are made once. */
function pairOf(key: KeyKind | Pair, name?: string): Pair {
  if (typeof key !== 'string') return key
  const slow = key.startsWith('rsa')
  if (name === undefined && !slow) return makePair(key)
  const id = `${key} ${name ?? 'leaf'}`
  const pair = cachedPairs.get(id) ?? makePair(key)
  cachedPairs.set(id, pair)
  return pair
}

const CURVES: Readonly<Record<string, string>> = {
  p256: 'P-256',
  p384: 'P-384',
  p521: 'P-521',
  p224: 'secp224r1',
  secp256k1: 'secp256k1',
}

/** A key pair of its own. */
export function makePair(kind: KeyKind): Pair {
  const curve = CURVES[kind]
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve })
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  const modulusLength = Number(/\d+$/.exec(kind)?.[0])
  return kind.startsWith('rsa-pss')
    ? generateKeyPairSync('rsa-pss', { modulusLength })
    : generateKeyPairSync('rsa', { modulusLength })
}

/** SHA-256 in lower-case hex: fingerprints and key pins. */
export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
