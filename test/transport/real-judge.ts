import { X509Certificate } from 'node:crypto'
import { isRefusal, type Refusal } from '../../src/refusal/refusal.ts'
import type { Authenticator, PeerCertificates } from '../../src/transport/authenticate.ts'
import { KnownIntermediates, makeBundle } from '../../src/trust/chain.ts'
import { judgePeer } from '../../src/trust/judge.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { type BoundCrl, parseCrl } from '../../src/x509/crl.ts'
import type { Authority } from './authority.ts'

/** A revocation list and who made it. */
export interface Listed {
  readonly by: Authority
  readonly pem: string
}

/** The judge of the product over these roots and lists; its identities are module ids and names. */
export function realJudge(
  roots: readonly Authority[],
  lists: readonly Listed[] = [],
): Authenticator<string> {
  const bundle = makeBundle(roots.map(({ cert }) => parsed(cert)))
  const crls = lists.map(bound)
  const known = new KnownIntermediates()
  return (facts: PeerCertificates): string | Refusal => {
    const now = Date.now()
    const context = { trustDomain: 'folio.test', foreign: new Map(), bundle, crls, known, now }
    const judged = judgePeer(facts, context)
    if (isRefusal(judged)) return judged
    return judged.kind === 'module' ? judged.id : judged.name
  }
}

function bound({ by, pem }: Listed): BoundCrl {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return { ...parseCrl(der), signedBy: parsed(by.cert).publicKey.spkiSha256 }
}

function parsed(pem: string) {
  return parseCertificate(new X509Certificate(pem).raw)
}
