import { type KeyObject, X509Certificate } from 'node:crypto'
import { fault } from '../fault.ts'
import type { Certificate } from '../x509/certificate.ts'

/** A certificate together with the key that it certifies, ready to verify signatures. */
export interface Authority extends Certificate {
  readonly key: KeyObject
}

/** The authorities that we trust, the roots among them. Never empty. */
export interface TrustBundle {
  /** Self-signed, CA:TRUE: where a chain may end. */
  readonly roots: readonly Authority[]
  /** Everything of the bundle: roots, and issuing authorities that peers may not send. */
  readonly authorities: readonly Authority[]
  readonly byFingerprint: ReadonlyMap<string, Authority>
  /** By the DER of the subject in hex (`DistinguishedName.key`); roots first. */
  readonly bySubject: ReadonlyMap<string, readonly Authority[]>
}

/** The certificate with its key. Throws what OpenSSL says when it does not read the key. */
export function toAuthority(certificate: Certificate): Authority {
  return { ...certificate, key: new X509Certificate(certificate.der).publicKey }
}

/** Did `issuer` issue it: do the names chain, and does the signature hold? */
export function isIssuedBy(certificate: Certificate, issuer: Authority): boolean {
  if (certificate.issuer.key !== issuer.subject.key) return false
  try {
    return new X509Certificate(certificate.der).verify(issuer.key)
  } catch {
    return false
  }
}

/** Self-issued and self-signed. */
export function isSelfSigned(certificate: Authority): boolean {
  return isIssuedBy(certificate, certificate)
}

/**
 * Makes the bundle. Throws a Fault where no root is among the certificates: an empty bundle must
 * never reach Node, which would take the public roots instead.
 */
export function makeBundle(certificates: readonly Certificate[]): TrustBundle {
  const authorities = certificates
    .filter((certificate) => certificate.extensions.basicConstraints?.ca === true)
    .map(toAuthority)
  const roots = authorities.filter(isSelfSigned)
  if (roots.length === 0) {
    throw fault('the trust bundle holds no root certificate (self-signed, CA:TRUE)')
  }
  const issuing = authorities.filter((authority) => !roots.includes(authority))
  const ordered = [...roots, ...issuing]
  return {
    roots,
    authorities: ordered,
    byFingerprint: new Map(ordered.map((authority) => [authority.fingerprint256, authority])),
    bySubject: Map.groupBy(ordered, (authority) => authority.subject.key),
  }
}
