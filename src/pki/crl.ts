import { type KeyObject, verify } from 'node:crypto'
import {
  bitContents,
  contents,
  type Der,
  decode,
  dotted,
  encode,
  enumerated,
  integer,
  isTagged,
  members,
  sequence,
  time,
  timeOf,
} from './der.ts'
import {
  authorityKeyIdentifier,
  crlNumber,
  type Extension,
  extensionList,
  taggedExtensions,
} from './extensions.ts'
import type { Issuer } from './issuer.ts'
import { type Digest, digestFor, digestOf, signatureAlgorithm, signed } from './keys.ts'
import type { RevocationReason } from './register.ts'

const REASONS: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
}

/** The reasons that can be given, in their own words. */
export const REVOCATION_REASONS = Object.keys(REASONS) as readonly RevocationReason[]

/** One line of a CRL. */
export interface Revoked {
  /** Hex. */
  readonly serial: string
  readonly at: Date
  readonly reason: RevocationReason
}

/** Everything that stands in a CRL. Nothing is checked: hostile ones are made here too. */
export interface CrlSpec {
  readonly number: number
  readonly thisUpdate: Date
  /** After it OpenSSL refuses everybody whom this CA has certified. Null leaves it out. */
  readonly nextUpdate: Date | null
  readonly revoked: readonly Revoked[]
  readonly digest?: Digest
  /** Replaces number and authority key id. */
  readonly extensions?: readonly Extension[]
}

/** A version 2 CRL in DER (RFC 5280 section 5), signed by the issuer of the certificates in it. */
export function makeCrl(issuer: Issuer, spec: CrlSpec): Buffer {
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
  return signed(tbs, issuer.key, digest)
}

function line({ serial, at, reason }: Revoked): Der {
  // Reason 0 says nothing and is left out (section 5.3.1).
  const value = encode(enumerated(REASONS[reason]))
  const why = { oid: '2.5.29.21', critical: false, value }
  return sequence(
    integer(Buffer.from(serial, 'hex')),
    time(at),
    ...(reason === 'unspecified' ? [] : [extensionList([why])]),
  )
}

/** A CRL as it was read, before anybody has believed it. */
export interface Crl {
  /** DER of the issuer's name. */
  readonly issuer: Buffer
  readonly thisUpdate: Date
  readonly nextUpdate: Date | null
  /** Lower-case hex, as certificates show it. */
  readonly serials: ReadonlySet<string>
  /** Whether this key has signed it. */
  isSignedBy(key: KeyObject): boolean
}

/** Reads a CRL; throws on bytes that are none. */
export function readCrl(der: Uint8Array): Crl {
  const [tbs, algorithm, signature] = members(decode(der))
  const fields = [...members(tbs)]
  fields.shift()
  fields.shift()
  const issuer = encode(fields.shift()!)
  const thisUpdate = timeOf(fields.shift())
  const nextUpdate = typeof fields[0]?.value === 'string' ? timeOf(fields.shift()) : null
  const lines = fields[0] === undefined || isTagged(fields[0], 0) ? [] : members(fields[0])
  const serials = new Set(lines.map((entry) => serialOf(members(entry)[0])))
  const digest = digestOf(dotted(members(algorithm)[0]))
  return {
    issuer,
    thisUpdate,
    nextUpdate,
    serials,
    isSignedBy(key) {
      if (digest === undefined || tbs === undefined) return false
      return verify(digest, encode(tbs), { key, dsaEncoding: 'der' }, bitContents(signature))
    },
  }
}

function serialOf(value: Der | undefined): string {
  const hex = contents(value).toString('hex')
  return hex.length > 2 ? hex.replace(/^00/, '') : hex
}
