import type { X509Certificate } from 'node:crypto'
import { openSslRefusal } from '../../credentials/handshake-problems.ts'
import { Fault } from '../../fault.ts'
import { shortId } from '../../pki/issuer.ts'
import { isRefusal } from '../../refusal/refusal.ts'
import { lookWith } from '../../transport/handshake-check.ts'
import {
  type Authority,
  type Chain,
  chainOf,
  makeBundle,
  type TrustBundle,
} from '../../trust/chain.ts'
import { identityOf, type NamingContext, readSpiffeId } from '../../trust/identity.ts'
import { issuerFlaw, leafFlaw, profileFlaw } from '../../trust/profile.ts'
import { boundCrls, issuedRecords, revocationRefusal } from '../../trust/revocation.ts'
import { type Certificate, parseCertificate } from '../../x509/certificate.ts'
import { type BoundCrl, type Crl, crlOf } from '../../x509/crl.ts'
import { DerError } from '../../x509/der.ts'
import { type NamesByKind, namesByKind } from '../../x509/general-name.ts'

/** A chain, leaf first, and what to judge it by. */
export interface ChainFound {
  readonly chain: readonly X509Certificate[]
  /** The content of `ca.crt`; empty: the chain is not verified. */
  readonly roots: readonly X509Certificate[]
  readonly crls: readonly Crl[]
  /** Undefined: that of the leaf's name is used. */
  readonly trustDomain?: string | undefined
}

/** How peers would judge a chain. */
export interface ProfileJudgement {
  readonly names: NamesByKind
  /** Undefined if the chain leads to no root. */
  readonly issuer: Authority | undefined
  /** Phrases; expiry of the leaf itself is not included. */
  readonly problems: readonly string[]
}

/** A sidecar uses its certificate as a server and as a client. */
const ROLES = ['server', 'client'] as const

/** Judges a chain by the profile, the identity and the revocation that peers apply (src/trust). */
export function judge(
  { chain, roots, crls, trustDomain }: ChainFound,
  now: Date,
): ProfileJudgement {
  const parsed = attempt(() => chain.map(({ raw }) => parseCertificate(raw)))
  if (typeof parsed === 'string') {
    return { names: namesByKind(), issuer: undefined, problems: [`no peer can read it: ${parsed}`] }
  }
  const [leaf, ...shown] = parsed
  if (leaf === undefined) return { names: namesByKind(), issuer: undefined, problems: [] }
  const names = namesByKind(leaf.extensions.subjectAltName)
  const bundle = bundleOf(roots)
  const way = bundle && chainOf(leaf, shown, bundle)
  const identity = identityOf(leaf, namingOf(names.uris[0] ?? '', trustDomain))
  const problems = [
    ...(roots.length > 0 && way === undefined ? ['no root in ca.crt certifies it'] : []),
    ...(isRefusal(identity) ? [identity.because] : []),
    ...(way === undefined ? leafFlaws(leaf) : chainFlaws(way, now.getTime())),
    ...(way === undefined ? [] : revocationProblems(way, bundle, crls, now)),
  ]
  return { names, issuer: way?.issuers[0], problems }
}

/**
 * Why OpenSSL refuses a chain that leads to a root and has no other problem: name constraints, and
 * other checks that the profile leaves to it.
 */
export async function openSslProblems({
  chain,
  roots,
  crls,
}: ChainFound): Promise<readonly string[]> {
  const bundle = bundleOf(roots)
  const way = chainShown(chain, roots)
  if (bundle === undefined || way === undefined) return []
  const why = await openSslRefusal(way, bundle, boundCrls(crls, bundle), lookWith)
  return why === undefined ? [] : [`OpenSSL refuses it: ${why}`]
}

/**
 * How a name is read without a configuration: SPIFFE ids of other schemes are accepted, because only
 * the table in a sidecar's configuration says which module each stands for.
 */
export function namingOf(uri: string, trustDomain: string | undefined): NamingContext {
  const own = readSpiffeId(uri)
  const isForeign = own === undefined && uri.startsWith('spiffe://')
  return {
    trustDomain: trustDomain ?? own?.trustDomain ?? '',
    foreign: isForeign ? new Map([[uri, 'foreign-1.0.0']]) : new Map(),
  }
}

/** The bundle from the certificates of `ca.crt`; undefined if none of them is a root. */
function bundleOf(roots: readonly X509Certificate[]): TrustBundle | undefined {
  try {
    return makeBundle(roots.map(({ raw }) => parseCertificate(raw)))
  } catch (error) {
    if (error instanceof Fault || error instanceof DerError) return undefined
    throw error
  }
}

/** A chain from certificates in the order of TLS; undefined if they lead to no root of the bundle. */
export function chainShown(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): Chain | undefined {
  const parsed = attempt(() => chain.map(({ raw }) => parseCertificate(raw)))
  const bundle = bundleOf(roots)
  if (typeof parsed === 'string' || bundle === undefined) return undefined
  const [leaf, ...shown] = parsed
  return leaf && chainOf(leaf, shown, bundle)
}

/** Why the profile refuses a root of ours, except for its dates. */
export function rootFlaws({ raw }: X509Certificate): readonly string[] {
  const parsed = attempt(() => parseCertificate(raw))
  if (typeof parsed === 'string') return [`no peer can read it: ${parsed}`]
  const flaw = issuerFlaw(parsed, 'root')
  return flaw === undefined ? [] : [`the certificate ${flaw}`]
}

/** The names in a certificate; none if it cannot be read. */
export function namesIn({ raw }: X509Certificate): NamesByKind {
  const parsed = attempt(() => parseCertificate(raw))
  return namesByKind(typeof parsed === 'string' ? [] : parsed.extensions.subjectAltName)
}

/** Why the profile refuses a chain in either role; nothing if only the leaf's dates are wrong. */
function chainFlaws(chain: Chain, now: number): readonly string[] {
  const flaws = profileFlaws(chain, now)
  const { notBefore, notAfter } = chain.leaf
  const leafIsLate = now < notBefore || now > notAfter
  return flaws
    .filter(({ reason }) => !(leafIsLate && reason === 'expired-certificate'))
    .map(because)
}

/** Why the profile refuses a chain as a server's and as a client's, each reason once. */
export function profileFlaws(chain: Chain, now: number) {
  const flaws = ROLES.flatMap((role) => profileFlaw(chain, role, now) ?? [])
  return [...new Map(flaws.map((flaw) => [flaw.because, flaw])).values()]
}

function because(refusal: { readonly because: string }): string {
  return refusal.because
}

function leafFlaws(leaf: Certificate): readonly string[] {
  const flaws = new Set(ROLES.flatMap((role) => leafFlaw(leaf, role) ?? []))
  return [...flaws].map((flaw) => `the certificate ${flaw}`)
}

function revocationProblems(
  chain: Chain,
  bundle: TrustBundle | undefined,
  crls: readonly Crl[],
  now: Date,
): readonly string[] {
  const bound = bundle === undefined ? [] : boundCrls(crls, bundle)
  const refusal = revocationRefusal(issuedRecords(chain), bound, now.getTime())
  if (refusal === undefined) return []
  if (refusal.reason === 'revoked-certificate') return ['revoked']
  // Problems with the list of an authority of the bundle are reported by listProblems.
  const inBundle = chain.issuers.every(({ fingerprint256 }) => {
    return bundle?.byFingerprint.has(fingerprint256)
  })
  return inBundle ? [] : [refusal.because]
}

/** If there is any CRL, OpenSSL refuses every certificate of a CA without a current one. */
export function listProblems(
  crls: readonly Crl[],
  roots: readonly X509Certificate[],
  now: Date,
): readonly string[] {
  const bundle = bundleOf(roots)
  if (crls.length === 0 || bundle === undefined) return []
  const bound = boundCrls(crls, bundle)
  return bundle.authorities
    .filter(({ notAfter }) => notAfter >= now.getTime())
    .flatMap(({ key, publicKey }) => {
      const id = shortId({ publicKey: key })
      const list = crlOf(bound, publicKey.spkiSha256)
      return list === undefined ? [`ca.crl has no list of ${id}`] : endOfList(list, id, now)
    })
}

function endOfList({ thisUpdate, nextUpdate }: BoundCrl, id: string, now: Date): string[] {
  const left = (nextUpdate - now.getTime()) / (nextUpdate - thisUpdate)
  if (left < 0) return [`ca.crl of ${id} has expired`]
  return left < 1 / 3 ? [`ca.crl of ${id} expires soon`] : []
}

/** The result, or the message of a DerError. */
function attempt<T>(make: () => T): T | string {
  try {
    return make()
  } catch (error) {
    if (error instanceof DerError) return error.message
    throw error
  }
}
