import { makeBundle } from '../../src/trust/chain.ts'
import type { PeerFacts, TrustContext } from '../../src/trust/judge.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { type BoundCrl, isSignedBy, parseCrl } from '../../src/x509/crl.ts'
import { splitPem } from '../../src/x509/pem.ts'
import type { Issued } from './pki.ts'

/** A context that trusts these authorities, with the lists that they signed. */
export function trusting(
  authorities: readonly Issued[],
  over: Partial<Omit<TrustContext, 'crls'>> & { crls?: readonly string[] } = {},
): TrustContext {
  const bundle = makeBundle(authorities.map(({ certDer }) => parseCertificate(certDer)))
  const crls = (over.crls ?? []).map((pem): BoundCrl => {
    const crl = parseCrl(splitPem(Buffer.from(pem), ['X509 CRL'])[0]!.der)
    const signer = bundle.authorities.find(({ key }) => isSignedBy(crl, key))
    if (signer === undefined) throw new Error('a list of an authority that is not in the bundle')
    return { ...crl, signedBy: signer.publicKey.spkiSha256 }
  })
  return { trustDomain: 'folio.test', foreign: new Map(), now: Date.now(), ...over, bundle, crls }
}

/** What Node would say of a peer that OpenSSL accepted. */
export function accepted(shown: readonly Issued[], role: PeerFacts['role'] = 'client'): PeerFacts {
  const chain = shown.map(({ certDer }) => certDer)
  return { authorized: true, error: undefined, chain, role }
}
