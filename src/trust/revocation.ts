import { type Refusal, refuse } from '../refusal/refusal.ts'
import { type BoundCrl, type Crl, crlOf, isCurrent, isSignedBy } from '../x509/crl.ts'
import { KEY_USAGE } from '../x509/extensions.ts'
import type { Authority, Chain, TrustBundle } from './chain.ts'

/** One certificate as it is named in revocation lists. */
export interface IssuedRecord {
  readonly issuerSpkiSha256: string
  readonly serial: string
}

/** The chain as revocation lists name it: leaf first, the root left out. */
export function issuedRecords({ leaf, issuers }: Chain): readonly IssuedRecord[] {
  return issuers.map((issuer, index) => ({
    issuerSpkiSha256: issuer.publicKey.spkiSha256,
    serial: (index === 0 ? leaf : issuers[index - 1]!).serial.hex,
  }))
}

/**
 * If there is any list, every issuer of the chain needs a current one, and none may contain a
 * certificate of the chain. Undefined if nothing is revoked.
 */
export function revocationRefusal(
  issued: readonly IssuedRecord[],
  crls: readonly BoundCrl[],
  now: number,
): Refusal | undefined {
  if (crls.length === 0) return undefined
  const revoked = revokedOf(issued, crls)
  if (revoked !== undefined) return revoked
  const known = issued.every(({ issuerSpkiSha256 }) => {
    const crl = crlOf(crls, issuerSpkiSha256)
    return crl !== undefined && isCurrent(crl, now)
  })
  if (known) return undefined
  return refuse('revocation-unknown', 'an issuer of the chain has no current revocation list', {
    wouldAllow: 'its certificate in ca.crt and its current list in ca.crl',
  })
}

/** The refusal of a chain with a certificate on a list, current or not; else undefined. */
export function revokedOf(
  issued: readonly IssuedRecord[],
  crls: readonly BoundCrl[],
): Refusal | undefined {
  for (const { issuerSpkiSha256, serial } of issued) {
    const crl = crlOf(crls, issuerSpkiSha256)
    if (crl?.revoked.has(serial) === true) {
      const because = `serial number ${serial} is revoked by ${crl.issuer.text}`
      return refuse('revoked-certificate', because)
    }
  }
  return undefined
}

/** The authority of the bundle that signed a list, whether or not it may; undefined where none did. */
export function signerOf(crl: Crl, { bySubject }: TrustBundle): Authority | undefined {
  return bySubject.get(crl.issuer.key)?.find(({ key }) => isSignedBy(crl, key))
}

/** May the authority sign lists (cRLSign)? One without keyUsage may. */
function maySignCrls({ extensions: { keyUsage } }: Authority): boolean {
  return keyUsage === undefined || keyUsage.has(KEY_USAGE.cRLSign)
}

/** The lists that an authority of the bundle signed and may sign. */
export function boundCrls(crls: readonly Crl[], bundle: TrustBundle): readonly BoundCrl[] {
  return crls.flatMap((crl) => {
    const signer = signerOf(crl, bundle)
    if (signer === undefined || !maySignCrls(signer)) return []
    return [{ ...crl, signedBy: signer.publicKey.spkiSha256 }]
  })
}
