import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import { type Identity, identityOfUri } from './identity.ts'
import type { TrustContext } from './judge.ts'
import { labelOf, type Pin, pinRefusal, spkiPinRefusal } from './pin.ts'
import { revokedOf } from './revocation.ts'

/** What is kept of a handshake so that its connection can be judged again without the certificate. */
export interface HandshakeRecord {
  readonly identity: Identity
  /** `spkiSha256` of the leaf. */
  readonly spkiSha256: string
  /** Leaf first, the root left out: the key that signed it, and its serial number. */
  readonly issued: readonly IssuedRecord[]
  /** Those of the chain that stood in the bundle, the root among them: SHA-256, lower-case hex. */
  readonly trusted: readonly string[]
  /** The earliest end of validity in the chain, milliseconds since the epoch. */
  readonly notAfter: number
}

/** One certificate as a revocation list would name it. */
export interface IssuedRecord {
  readonly issuerSpkiSha256: string
  readonly serial: string
}

/** `fit`: go on. `stale`: finish the running exchange, then close. Else destroy it now. */
export type Recheck = 'fit' | 'stale' | Refusal

/** What is asked about a live connection when trust, revocation, pins or policy changed. */
export interface RecheckContext extends TrustContext {
  /** Was the connection judged under the generation that is current now? */
  readonly sameGeneration: boolean
  /** Whom the connection was dialled to; absent on accepted ones. */
  readonly pin?: Pin
}

/**
 * Judges a live connection again from what was recorded at its handshake. Chains are not built
 * anew: what still looks right but is of an older generation becomes `stale`, so that its next
 * connection is judged by OpenSSL afresh.
 */
export function recheck(record: HandshakeRecord, context: RecheckContext): Recheck {
  const { bundle, crls, now, pin, spkiPins } = context
  const revoked = revokedOf(record.issued, crls)
  if (revoked !== undefined) return revoked
  const gone = record.trusted.find((fingerprint) => !bundle.byFingerprint.has(fingerprint))
  if (gone !== undefined || record.trusted.length === 0) {
    const because = `an authority that vouched for ${labelOf(record.identity)} is no longer in the trust bundle (SHA-256 ${gone})`
    return refuse('untrusted-certificate', because)
  }
  if (now > record.notAfter) {
    return refuse('expired-certificate', 'the certificate has expired since the handshake')
  }
  const identity = identityOfUri(record.identity.uri, context)
  if (isRefusal(identity)) return identity
  if (labelOf(identity) !== labelOf(record.identity)) {
    const because = `${identity.uri} no longer stands for ${labelOf(record.identity)}`
    return refuse('bad-identity', because)
  }
  const unpinned = spkiPinRefusal(identity, record.spkiSha256, spkiPins)
  const wrong = pin === undefined ? undefined : pinRefusal(identity, pin)
  return unpinned ?? wrong ?? (context.sameGeneration ? 'fit' : 'stale')
}
