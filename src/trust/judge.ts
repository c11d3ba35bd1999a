import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import type { BoundCrl } from '../x509/crl.ts'
import { type Chain, chainOf, type KnownIntermediates, type TrustBundle } from './chain.ts'
import { ADD_ISSUER, refusalOfCode } from './handshake-errors.ts'
import { type Identity, identityOf, identityOfUri, type NamingContext } from './identity.ts'
import { labelOf, type Pin, pinRefusal, spkiPinRefusal } from './pin.ts'
import { datesFlaw, profileFlaw } from './profile.ts'
import { type IssuedRecord, issuedRecords, revocationRefusal, revokedOf } from './revocation.ts'

/** A peer may send this many certificates above its leaf; further ones are ignored. */
const MAX_SHOWN = 8

/** What a TLS socket reports about its peer after the handshake. */
export interface PeerFacts {
  /** `socket.authorized`, as it is. */
  readonly authorized: boolean
  /** The code in `socket.authorizationError` (`CERT_HAS_EXPIRED`), where there is one. */
  readonly error: string | undefined
  /** DER, leaf first, as far as Node shows it; may end with the root. Empty: no certificate. */
  readonly chain: readonly Uint8Array[]
  /** DER of all that the peer sent, in the order of its message; asked where `chain` leads nowhere. */
  readonly allSent?: () => readonly Uint8Array[]
  /** What the peer is: `client` on our listeners, `server` where we dialled. */
  readonly role: 'client' | 'server'
}

/** What peers are judged against. */
export interface TrustContext extends NamingContext {
  readonly bundle: TrustBundle
  /** Empty: revocation is not checked. Else every issuer of a chain needs a current one. */
  readonly crls: readonly BoundCrl[]
  /** Intermediates that led to a root of this bundle before. */
  readonly known?: KnownIntermediates
  /**
   * SHA-256 of the SPKI (lower-case hex) that a peer must have on top of everything else, by module
   * id, product, `operator/NAME` or `client/NAME`; the entry of the full id goes before its product's.
   */
  readonly spkiPins?: ReadonlyMap<string, ReadonlySet<string>>
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** What is kept of a handshake, to judge its connection again without the certificate. */
export interface HandshakeRecord {
  readonly identity: Identity
  /** `spkiSha256` of the leaf. */
  readonly spkiSha256: string
  /** Leaf first, the root left out: the key that signed it, and its serial number. */
  readonly issued: readonly IssuedRecord[]
  /**
   * The certificates of the chain that were in the bundle, including the root: SHA-256, lower-case
   * hex.
   */
  readonly trusted: readonly string[]
  /** The earliest end of validity in the chain, milliseconds since the epoch. */
  readonly notAfter: number
}

/** A peer that passed, and what has to be kept to judge its connection again. */
export interface Judged {
  readonly identity: Identity
  readonly record: HandshakeRecord
}

/** Who the peer is, or why it is refused. Never throws. */
export function judgePeer(facts: PeerFacts, context: TrustContext): Identity | Refusal {
  const judged = judgeConnection(facts, context)
  return isRefusal(judged) ? judged : judged.identity
}

/** As judgePeer, with what must be kept to judge the connection again. Never throws. */
export function judgeConnection(facts: PeerFacts, context: TrustContext): Judged | Refusal {
  try {
    return judgeFacts(facts, context)
  } catch (error) {
    // An exception caused by a hostile certificate is a refusal.
    const said = error instanceof Error ? error.message : 'an unknown failure'
    return refuse('untrusted-certificate', `the certificate could not be judged: ${said}`)
  }
}

function judgeFacts(facts: PeerFacts, context: TrustContext): Judged | Refusal {
  const { authorized, error, chain: shown, role } = facts
  const [first] = shown
  // Node reports a missing certificate as UNABLE_TO_GET_ISSUER_CERT: so this comes before its code.
  if (first === undefined || first.length === 0) {
    return refuse('no-certificate', `the ${role} presented no certificate`)
  }
  if (authorized !== true || error !== undefined) {
    const dates = datesFlaw(shown.slice(0, MAX_SHOWN).flatMap(parsed), context.now)
    return refusalOfCode(error, nameOf(first, role), dates)
  }
  const leaf = parseCertificate(first)
  const chain = chainToRoot(leaf, facts, context)
  if (chain === undefined) {
    const because = `the certificate of ${leaf.subject.text || 'the peer'} (issuer: ${leaf.issuer.text}) does not lead to a root of the trust bundle`
    return refuse('untrusted-certificate', because, { wouldAllow: ADD_ISSUER })
  }
  const flaw = profileFlaw(chain, role, context.now)
  if (flaw !== undefined) return flaw
  const record = recordOf(chain, context.bundle)
  const revoked = revocationRefusal(record.issued, context.crls, context.now)
  if (revoked !== undefined) return revoked
  const identity = identityOf(leaf, context)
  if (isRefusal(identity)) return identity
  const pinned = spkiPinRefusal(identity, record.spkiSha256, context.spkiPins)
  return pinned ?? { identity, record: { ...record, identity } }
}

/**
 * The order in the peer's message has no meaning (RFC 8446 4.4.2), and OpenSSL ignores it. If a
 * chain is out of order Node returns only a part: then the rest is an intermediate that led to a
 * root before, or is requested from Node.
 */
function chainToRoot(
  leaf: Certificate,
  { chain: shown, allSent }: PeerFacts,
  { bundle, known }: TrustContext,
): Chain | undefined {
  const above = aboveLeaf(shown)
  const usual = chainOf(leaf, above, bundle)
  if (usual !== undefined) return usual
  const again = known === undefined ? undefined : chainOf(leaf, [...above, ...known.all], bundle)
  if (again !== undefined || allSent === undefined || known?.full) return again
  const chain = chainOf(leaf, aboveLeaf(allSent()), bundle)
  if (chain !== undefined) known?.remember(chain)
  return chain
}

function aboveLeaf(shown: readonly Uint8Array[]): readonly Certificate[] {
  return shown.slice(1, 1 + MAX_SHOWN).flatMap(parsed)
}

/** The certificate's own words, for the log of a refusal; nothing in them is proven. */
function nameOf(der: Uint8Array, role: string): string {
  const [certificate] = parsed(der)
  if (certificate === undefined) return `a ${role}`
  const uri = certificate.extensions.subjectAltName?.find(({ type }) => type === 'uri')
  const named = uri === undefined ? certificate.subject.text : JSON.stringify(uri.text)
  return `a ${role} calling itself ${named.slice(0, 200)} (issuer: ${certificate.issuer.text})`
}

function parsed(der: Uint8Array): readonly Certificate[] {
  try {
    return [parseCertificate(der)]
  } catch {
    return []
  }
}

function recordOf(
  { leaf, issuers }: Chain,
  bundle: TrustBundle,
): Omit<HandshakeRecord, 'identity'> {
  return {
    spkiSha256: leaf.publicKey.spkiSha256,
    issued: issuedRecords({ leaf, issuers }),
    trusted: issuers
      .map(({ fingerprint256 }) => fingerprint256)
      .filter((fingerprint) => bundle.byFingerprint.has(fingerprint)),
    notAfter: Math.min(leaf.notAfter, ...issuers.map(({ notAfter }) => notAfter)),
  }
}

/** `fit`: continue. `stale`: finish the open exchange, then close. Otherwise destroy it now. */
export type Recheck = 'fit' | 'stale' | Refusal

/** What is asked about a live connection when trust, revocation, pins or policy changed. */
export interface RecheckContext extends TrustContext {
  /** Was the connection judged under the generation that is current now? */
  readonly sameGeneration: boolean
  /** The module that the connection was dialled to; absent on accepted ones. */
  readonly pin?: Pin
}

/**
 * Judges a live connection again from what was recorded at its handshake. Chains are not built
 * again: a connection that is still valid but of an older generation becomes `stale`, so that
 * OpenSSL judges the peer's next connection.
 */
export function recheck(record: HandshakeRecord, context: RecheckContext): Recheck {
  const { bundle, crls, now, pin, spkiPins } = context
  const revoked = revokedOf(record.issued, crls)
  if (revoked !== undefined) return revoked
  const gone = record.trusted.find((fingerprint) => !bundle.byFingerprint.has(fingerprint))
  if (gone !== undefined || record.trusted.length === 0) {
    const because = `an authority in the chain of ${labelOf(record.identity)} is no longer in the trust bundle (SHA-256 ${gone})`
    return refuse('untrusted-certificate', because)
  }
  if (now > record.notAfter) {
    return refuse('expired-certificate', 'the certificate has expired since the handshake')
  }
  const identity = identityOfUri(record.identity.uri, context)
  if (isRefusal(identity)) return identity
  if (labelOf(identity) !== labelOf(record.identity)) {
    const because = `${identity.uri} no longer maps to ${labelOf(record.identity)}`
    return refuse('bad-identity', because)
  }
  const unpinned = spkiPinRefusal(identity, record.spkiSha256, spkiPins)
  const wrong = pin === undefined ? undefined : pinRefusal(identity, pin)
  return unpinned ?? wrong ?? (context.sameGeneration ? 'fit' : 'stale')
}
