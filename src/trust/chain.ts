import { type KeyObject, X509Certificate } from 'node:crypto'
import { fault } from '../fault.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'

/** A certificate together with the key that it certifies, ready to verify signatures. */
export interface Authority extends Certificate {
  readonly key: KeyObject
}

/** The authorities that we trust, the roots among them. Never empty. */
export interface TrustBundle {
  /** Self-signed, CA:TRUE: where a chain may end. */
  readonly roots: readonly Authority[]
  /** All certificates of the bundle: roots, and issuing authorities that peers may omit. */
  readonly authorities: readonly Authority[]
  readonly byFingerprint: ReadonlyMap<string, Authority>
  /** By the DER of the subject in hex (`DistinguishedName.key`); roots first. */
  readonly bySubject: ReadonlyMap<string, readonly Authority[]>
}

/** The certificate with its key. Throws OpenSSL's error if it cannot read the key. */
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
function isSelfSigned(certificate: Authority): boolean {
  return isIssuedBy(certificate, certificate)
}

/**
 * Makes the bundle. Throws a Fault if there is no root among the certificates: an empty bundle must
 * never reach Node, which would use the public roots instead.
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

/** A leaf with everything above it, up to a root of the bundle. */
export interface Chain {
  readonly leaf: Certificate
  /** From the leaf's issuer to the root. */
  readonly issuers: readonly Authority[]
}

/** The maximum number of steps from the leaf to the root: at most three intermediates. */
export const MAX_CHAIN_DEPTH = 4

/**
 * Finds a chain from a leaf to a root of the bundle. OpenSSL has verified one, but Node does not
 * say which certificates it used: so names and signatures are followed again, with the bundle's own
 * certificates before those of the peer. Undefined if there is no chain.
 */
export function chainOf(
  leaf: Certificate,
  shown: readonly Certificate[],
  bundle: TrustBundle,
): Chain | undefined {
  const issuers: Authority[] = []
  let current = leaf
  while (issuers.length < MAX_CHAIN_DEPTH) {
    const issuer = issuerOf(current, shown, bundle)
    if (issuer === undefined) return undefined
    issuers.push(issuer)
    if (bundle.roots.some(({ fingerprint256 }) => fingerprint256 === issuer.fingerprint256)) {
      return { leaf, issuers }
    }
    current = issuer
  }
  return undefined
}

/**
 * The same for the DER that a server presented, leaf first; also undefined if it cannot be parsed.
 */
export function readChain(shown: readonly Uint8Array[], bundle: TrustBundle): Chain | undefined {
  try {
    const [leaf, ...above] = shown.map((der) => parseCertificate(der))
    return leaf && chainOf(leaf, above, bundle)
  } catch {
    return undefined
  }
}

/**
 * Intermediates of chains that led to a root, kept for one bundle. If a chain's certificates are
 * out of order Node returns only a part, and returning all of them leaks memory (authenticate.ts):
 * so that is done once for each intermediate, not for each handshake.
 */
export class KnownIntermediates {
  readonly #byFingerprint = new Map<string, Certificate>()

  get all(): readonly Certificate[] {
    return [...this.#byFingerprint.values()]
  }

  /** Beyond this number no other is added, and Node is not asked again. */
  get full(): boolean {
    return this.#byFingerprint.size >= MAX_KNOWN
  }

  remember({ issuers }: Chain): void {
    for (const issuer of issuers.slice(0, -1)) {
      if (!this.full) this.#byFingerprint.set(issuer.fingerprint256, issuer)
    }
  }
}

const MAX_KNOWN = 256

function issuerOf(
  certificate: Certificate,
  shown: readonly Certificate[],
  bundle: TrustBundle,
): Authority | undefined {
  const trusted = bundle.bySubject.get(certificate.issuer.key) ?? []
  const found = trusted.find((authority) => isIssuedBy(certificate, authority))
  if (found !== undefined) return found
  for (const candidate of shown) {
    if (candidate.subject.key !== certificate.issuer.key || candidate === certificate) continue
    const authority = readAuthority(candidate)
    if (authority !== undefined && isIssuedBy(certificate, authority)) return authority
  }
  return undefined
}

function readAuthority(certificate: Certificate): Authority | undefined {
  try {
    return toAuthority(certificate)
  } catch {
    return undefined
  }
}
