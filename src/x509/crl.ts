import { type KeyObject, verify } from 'node:crypto'
import { algorithmOid } from './certificate.ts'
import { contextTag, DerError, type Element, Elements, open, readElement, TAG } from './der.ts'
import {
  type BigInteger,
  hex,
  readInteger,
  readOctetAlignedBits,
  readSmallInteger,
  readTime,
} from './der-values.ts'
import { EXTENSION, type RawExtension, readExtensionList } from './extensions.ts'
import { type DistinguishedName, readName } from './name.ts'

/** A certificate revocation list (RFC 5280 section 5), read but not yet believed. */
export interface Crl {
  readonly der: Uint8Array
  readonly issuer: DistinguishedName
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number
  /** Milliseconds since the epoch; past this OpenSSL refuses everybody. */
  readonly nextUpdate: number
  /** CRLNumber (RFC 5280 5.2.3); undefined where the list has none. */
  readonly number: bigint | undefined
  /** Serial numbers, lower-case hex as in `Certificate.serial.hex`. */
  readonly revoked: ReadonlySet<string>
  readonly signed: {
    readonly tbs: Uint8Array
    readonly algorithm: string
    readonly bits: Uint8Array
  }
}

/** A list whose signature was verified with the key of an authority of the bundle. */
export interface BoundCrl extends Crl {
  /** `spkiSha256` of that authority: two roots may share a name, not a key. */
  readonly signedBy: string
}

const MAX_CRL_BYTES = 16_777_216

/** Digest of each signature algorithm that a list may be signed with; null: none of its own. */
const DIGESTS: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
}

/**
 * Parses one list. Throws a DerError for what is none, and for lists that cover only a part of what
 * their issuer issued (deltas, distribution points, indirect lists), however they are marked: OpenSSL
 * would take none of them for the whole, and then refuse every peer.
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
  return DIGESTS[signed.algorithm] !== undefined
}

/** Did this key sign the list? False also for algorithms that are not accepted. */
export function isSignedBy({ signed }: Crl, key: KeyObject): boolean {
  const digest = DIGESTS[signed.algorithm]
  if (digest === undefined) return false
  try {
    return verify(digest, signed.tbs, { key, dsaEncoding: 'der' }, signed.bits)
  } catch {
    // The key is of another kind than the algorithm.
    return false
  }
}

/** May the list be relied on at this instant? */
export function isCurrent({ thisUpdate, nextUpdate }: Crl, now: number): boolean {
  return thisUpdate <= now && now <= nextUpdate
}

/**
 * Is the first list newer than the second, of the same authority? Its number decides (RFC 5280 5.2.3:
 * it only rises), and thisUpdate where one of them has none or both have the same.
 */
export function isNewer(list: Crl, other: Crl): boolean {
  const [number, otherNumber] = [list.number, other.number]
  if (number !== undefined && otherNumber !== undefined && number !== otherNumber) {
    return number > otherNumber
  }
  return list.thisUpdate > other.thisUpdate
}

/** The newest list of the authority with this key, or undefined. */
export function crlOf(crls: readonly BoundCrl[], spkiSha256: string): BoundCrl | undefined {
  let newest: BoundCrl | undefined
  for (const crl of crls) {
    if (crl.signedBy !== spkiSha256) continue
    if (newest === undefined || isNewer(crl, newest)) newest = crl
  }
  return newest
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

function readListExtensions(wrapped: Element | undefined): readonly RawExtension[] {
  if (wrapped === undefined) return []
  const inside = new Elements(wrapped)
  const element = inside.next()
  inside.end()
  const list = readExtensionList(element)
  const part = list.find(({ oid }) => PARTIAL[oid] !== undefined)
  if (part !== undefined) {
    throw new DerError(
      `it covers only a part of the certificates of its issuer (${PARTIAL[part.oid]})`,
    )
  }
  refuseCritical(element)
  return list
}

/** Extensions of lists that are not the whole list of one issuer (RFC 5280 5.2.4, 5.2.5). */
const PARTIAL: Readonly<Record<string, string>> = {
  [EXTENSION.deltaCrlIndicator]: 'delta list: deltaCRLIndicator',
  [EXTENSION.issuingDistributionPoint]: 'issuingDistributionPoint',
}

function readNumber(list: readonly RawExtension[]): bigint | undefined {
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
