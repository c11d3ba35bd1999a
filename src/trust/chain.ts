import type { Certificate } from '../x509/certificate.ts'
import { type Authority, isIssuedBy, type TrustBundle, toAuthority } from './bundle.ts'

/** A leaf with everything above it, up to a root of the bundle. */
export interface Chain {
  readonly leaf: Certificate
  /** From the leaf's issuer to the root. */
  readonly issuers: readonly Authority[]
}

/** How many steps it may be from the leaf to the root: three intermediates at most. */
export const MAX_CHAIN_DEPTH = 4

/**
 * Finds the way from a leaf to a root of the bundle. OpenSSL has verified the chain, but Node does
 * not say over which certificates: so names and signatures are followed once more, the bundle's
 * own certificates before those that the peer showed. Undefined where there is no way.
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
 * Intermediates of chains that led to a root, kept for one bundle. Node shows no more than a part of
 * a chain whose certificates came out of order, and showing all of them costs memory that it never
 * gives back (authenticate.ts): so that is asked once for each intermediate, not once a handshake.
 */
export class KnownIntermediates {
  readonly #byFingerprint = new Map<string, Certificate>()

  get all(): readonly Certificate[] {
    return [...this.#byFingerprint.values()]
  }

  /** Then no other is taken in, and nothing more is asked of Node. */
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
