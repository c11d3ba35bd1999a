import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import { identityOfUri } from './identity.ts'
import type { HandshakeRecord, TrustContext } from './judge.ts'
import { labelOf, type Pin, pinRefusal, spkiPinRefusal } from './pin.ts'
import { revokedOf } from './revocation.ts'

/** `fit`: go on. `stale`: finish the running exchange, then close. Else destroy it now. */
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
 * anew: what still looks right but is of an older generation becomes `stale`, so that its next
 * connection is judged by OpenSSL afresh.
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
