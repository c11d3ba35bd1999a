import type { KeyObject } from 'node:crypto'
import { contextTag, DerError, type Element, Elements, open, readElement, TAG } from './der.ts'
import {
  type BigInteger,
  hex,
  readInteger,
  readOctetAlignedBits,
  readSmallInteger,
  readTime,
} from './der-values.ts'
import { enumerated, integer, positive, sequence, time } from './der-write.ts'
import {
  authorityKeyIdentifier,
  crlNumber,
  EXTENSION,
  type Extension,
  extensionList,
  readExtensionList,
  taggedExtensions,
} from './extensions.ts'
import { type DistinguishedName, readName } from './name.ts'
import {
  algorithmOid,
  type Digest,
  digestFor,
  isAcceptedSignature,
  isSignatureOf,
  type Signed,
  signatureAlgorithm,
  signed as signedBy,
} from './signature.ts'

/** A certificate revocation list (RFC 5280 section 5), read but not yet verified. */
export interface Crl {
  readonly der: Uint8Array
  readonly issuer: DistinguishedName
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number
  /** Milliseconds since the epoch; after this OpenSSL refuses every certificate of the issuer. */
  readonly nextUpdate: number
  /** CRLNumber (RFC 5280 5.2.3); undefined where the list has none. */
  readonly number: bigint | undefined
  /** Serial numbers, lower-case hex as in `Certificate.serial.hex`. */
  readonly revoked: ReadonlySet<string>
  readonly signed: Signed
}

/** A list whose signature was verified with the key of an authority of the bundle. */
export interface BoundCrl extends Crl {
  /** `spkiSha256` of that authority: two roots may share a name, not a key. */
  readonly signedBy: string
}

const MAX_CRL_BYTES = 16_777_216

/**
 * Parses one list. Throws a DerError for anything else, and for lists that cover only a part of what
 * their issuer issued (deltas, distribution points, indirect lists), critical or not: OpenSSL does
 * not accept any of them as a complete list, and would then refuse every peer.
 */
export function parseCrl(der: Uint8Array): Crl {
  if (der.length > MAX_CRL_BYTES) throw new DerError('larger than any revocation list')
  const outer = open(readElement(der), TAG.sequence)
  const tbs = outer.take(TAG.sequence)
  const algorithm = outer.take(TAG.sequence)
  const bits = readOctetAlignedBits(outer.take(TAG.bitString))
  outer.end()

  const fields = open(tbs, TAG.sequence)
  const version = fields.maybe(TAG.integer)
  if (version !== undefined && readSmallInteger(version) !== 1) {
    throw new DerError('a revocation list of no known version')
  }
  if (hex(fields.take(TAG.sequence).raw) !== hex(algorithm.raw)) {
    throw new DerError('two different signature algorithms')
  }
  const issuer = readName(fields.next())
  const thisUpdate = readTime(fields.next())
  const nextUpdate = readNextUpdate(fields)
  const revoked = readRevoked(fields.maybe(TAG.sequence))
  const number = readNumber(readListExtensions(fields.maybe(contextTag(0, 'constructed'))))
  fields.end()
  const signed = { tbs: tbs.raw, algorithm: algorithmOid(algorithm), bits }
  return { der, issuer, thisUpdate, nextUpdate, number, revoked, signed }
}

/** Is the list signed with an algorithm that is accepted? SHA-1 is not. */
export function isStronglySigned({ signed }: Crl): boolean {
  return isAcceptedSignature(signed)
}

/** Did this key sign the list? False also for algorithms that are not accepted. */
export function isSignedBy({ signed }: Crl, key: KeyObject): boolean {
  return isSignatureOf(signed, key)
}

/** Is the list valid at this instant? */
export function isCurrent({ thisUpdate, nextUpdate }: Crl, now: number): boolean {
  return thisUpdate <= now && now <= nextUpdate
}

/**
 * Is the first list newer than the second, of the same authority? The number decides (RFC 5280 5.2.3:
 * it only rises), or thisUpdate if one of them has no number or both have the same.
 */
export function isNewer(list: Crl, other: Crl): boolean {
  const [number, otherNumber] = [list.number, other.number]
  if (number !== undefined && otherNumber !== undefined && number !== otherNumber) {
    return number > otherNumber
  }
  return list.thisUpdate > other.thisUpdate
}

/**
 * The newest list of the authority with this key, or undefined. Where one of them has no number,
 * thisUpdate decides among all: compared in pairs, three of them could each be newer than the next.
 */
export function crlOf(crls: readonly BoundCrl[], spkiSha256: string): BoundCrl | undefined {
  const own = crls.filter(({ signedBy }) => signedBy === spkiSha256)
  const numbered = own.every(({ number }) => number !== undefined)
  const newer = numbered ? isNewer : (list: Crl, other: Crl) => list.thisUpdate > other.thisUpdate
  return own.reduce<BoundCrl | undefined>((newest, list) => {
    return newest === undefined || newer(list, newest) ? list : newest
  }, undefined)
}

function readRevoked(list: Element | undefined): ReadonlySet<string> {
  const serials = new Set<string>()
  if (list === undefined) return serials
  const entries = open(list, TAG.sequence)
  while (!entries.done) {
    const entry = open(entries.next(), TAG.sequence)
    serials.add(readInteger(entry.take(TAG.integer)).hex)
    readTime(entry.next())
    if (!entry.done) refuseCritical(entry.take(TAG.sequence))
    entry.end()
  }
  return serials
}

/** RFC 5280 5.1.2.5 wants nextUpdate in every list; without it "current" has no meaning. */
function readNextUpdate(fields: Elements): number {
  const element = fields.maybe(TAG.utcTime) ?? fields.maybe(TAG.generalizedTime)
  if (element !== undefined) return readTime(element)
  throw new DerError('it does not say when the next list comes (nextUpdate)')
}

function readListExtensions(wrapped: Element | undefined): readonly Extension[] {
  if (wrapped === undefined) return []
  const inside = new Elements(wrapped)
  const element = inside.next()
  inside.end()
  const list = readExtensionList(element)
  const part = list.find(({ oid }) => PARTIAL[oid] !== undefined)
  if (part !== undefined) {
    throw new DerError(
      `it covers only a part of the certificates of its issuer (${PARTIAL[part.oid]})`,
      'have the CA write one complete list, without that extension',
    )
  }
  refuseCritical(element)
  return list
}

/** Extensions of lists that are not the complete list of one issuer (RFC 5280 5.2.4, 5.2.5). */
const PARTIAL: Readonly<Record<string, string>> = {
  [EXTENSION.deltaCrlIndicator]: 'delta list: deltaCRLIndicator',
  [EXTENSION.issuingDistributionPoint]: 'issuingDistributionPoint',
}

function readNumber(list: readonly Extension[]): bigint | undefined {
  const value = list.find(({ oid }) => oid === EXTENSION.crlNumber)?.value
  if (value === undefined) return undefined
  const number: BigInteger = readInteger(readElement(value))
  if (number.sign === -1) throw new DerError('a list with a number below zero')
  return BigInt(`0x${number.hex}`)
}

/** RFC 5280 5.2 and 5.3: a list with a critical extension that is not understood must not be used. */
function refuseCritical(list: Element): void {
  const unknown = readExtensionList(list).find((extension) => extension.critical)
  if (unknown !== undefined) {
    throw new DerError(`critical extension ${unknown.oid} in a revocation list`)
  }
}

/** Why a certificate was revoked; the words of RFC 5280 section 5.3.1. */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'

const REASONS: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
}

/** The reasons that can be given, by name. */
export const REVOCATION_REASONS = Object.keys(REASONS) as readonly RevocationReason[]

/** What signs a list: a CA with its key. */
export interface CrlSigner {
  readonly key: KeyObject
  /** Its subject, in DER. */
  readonly name: { readonly der: Uint8Array }
  /** The key identifier of its certificate. */
  readonly keyId: Uint8Array
}

/** One line of a CRL. */
export interface Revoked {
  /** Hex. */
  readonly serial: string
  readonly at: Date
  readonly reason: RevocationReason
}

/** All fields of a CRL. Nothing is checked: hostile ones are made here too. */
export interface CrlSpec {
  readonly number: number
  readonly thisUpdate: Date
  /** After this instant OpenSSL refuses every certificate of this CA. Null leaves it out. */
  readonly nextUpdate: Date | null
  readonly revoked: readonly Revoked[]
  readonly digest?: Digest
  /** Replaces number and authority key id. */
  readonly extensions?: readonly Extension[]
}

/** A version 2 CRL in DER (RFC 5280 section 5), signed by the issuer of the certificates in it. */
export function makeCrl(issuer: CrlSigner, spec: CrlSpec): Buffer {
  const { digest = digestFor(issuer.key), revoked, nextUpdate } = spec
  const extensions = spec.extensions ?? [
    authorityKeyIdentifier(issuer.keyId),
    crlNumber(spec.number),
  ]
  const tbs = sequence(
    integer(1),
    signatureAlgorithm(issuer.key, digest),
    issuer.name.der,
    time(spec.thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    // An empty list of revoked certificates must be absent (section 5.1.2.6).
    ...(revoked.length === 0 ? [] : [sequence(...revoked.map(line))]),
    ...taggedExtensions(0, extensions),
  )
  return signedBy(tbs, issuer.key, digest)
}

function line({ serial, at, reason }: Revoked): Buffer {
  // Reason 0 says nothing and is left out (section 5.3.1).
  const value = enumerated(REASONS[reason])
  const why = { oid: EXTENSION.crlReason, critical: false, value }
  return sequence(
    integer(positive(Buffer.from(serial, 'hex'))),
    time(at),
    ...(reason === 'unspecified' ? [] : [extensionList([why])]),
  )
}
