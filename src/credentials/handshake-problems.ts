import { isRefusal } from '../refusal/refusal.ts'
import type { Authority, Chain, TrustBundle } from '../trust/chain.ts'
import { judgeConnection, type PeerFacts } from '../trust/judge.ts'
import { isValidAt } from '../trust/profile.ts'
import { issuedRecords, revokedOf } from '../trust/revocation.ts'
import { type BoundCrl, crlOf } from '../x509/crl.ts'
import type { Expectation, Generation, HandshakeMaterial, LookWith } from './generation.ts'
import type { Problems, RawMaterial } from './raw-material.ts'
import { standInsFor } from './stand-ins.ts'

const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const
const ROLES = ['server', 'client'] as const

/**
 * Checks what OpenSSL and the profile will do with a generation: a handshake of our own certificate
 * with itself in both roles, and one of a stand-in under each authority of the bundle.
 */
export async function checkHandshakes(
  generation: Generation,
  raw: RawMaterial,
  expected: Expectation,
  problems: Problems,
): Promise<void> {
  await checkOwn(generation, raw, expected, problems)
  if (!problems.any) await checkPeers(generation, raw, expected, problems)
}

async function checkOwn(
  generation: Generation,
  raw: RawMaterial,
  { lookWith, trustDomain, foreign = new Map(), now }: Expectation,
  problems: Problems,
): Promise<void> {
  const { keyPem: key, certPem: cert, caPems: ca, crlPems: crl, bundle, crls } = generation
  const isRevoked = revokedOf(issuedRecords(generation.chain), crls) !== undefined
  const context = { bundle, crls, trustDomain, foreign, now }
  for (const version of VERSIONS) {
    const look = lookWith({ key, cert, ca, crl }, version)
    for (const role of ROLES) {
      const seen = await attempt(() => look({ key, cert }, role))
      if (seen instanceof Error) {
        const message = `a trial handshake with these credentials fails in ${spoken(version)}: ${seen.message}`
        problems.error(raw.cert.path, message, 'use a P-256 key and a certificate for it')
        return
      }
      const verdict = judgeConnection(seen.facts, context)
      if (!isRefusal(verdict)) continue
      // New lists must take effect even if our own certificate is on one: that is a warning.
      if (isRevoked && verdict.reason === 'revoked-certificate') continue
      const { because, wouldAllow } = verdict
      const message = `in a trial handshake our own certificate was refused as a ${role}: ${seen.why ?? because}`
      const hint = verdict.reason === 'revocation-unknown' ? listsFor(generation) : wouldAllow
      problems.error(fileOf(verdict.reason, raw), message, hint)
      return
    }
  }
}

/** Which lists our own chain needs: those of an authority that is in tls.crt alone are not accepted. */
function listsFor({ chain, bundle, crls }: Generation): string {
  const without = chain.issuers.filter(
    (each) => crlOf(crls, each.publicKey.spkiSha256) === undefined,
  )
  const known = new Set(bundle.authorities.map(({ fingerprint256 }) => fingerprint256))
  const said = without.map(({ subject, fingerprint256 }) =>
    known.has(fingerprint256) ? subject.text : `${subject.text} (and its certificate into ca.crt)`,
  )
  return `put the current list of ${said.join(', ') || 'every authority'} into ca.crl`
}

/** The keys of those peers are not here: stand-ins show what happens to them. */
async function checkPeers(
  { bundle, chain, crls, identity }: Generation,
  raw: RawMaterial,
  { lookWith, foreign = new Map(), now }: Expectation,
  problems: Problems,
): Promise<void> {
  const standIns = standInsFor(bundle, crls)
  const { caPems: ca, crlPems: crl } = standIns
  const [first] = bundle.roots
  const look = lookWith({ ...standIns.leafOf(first!, identity.uri), ca, crl }, 'TLSv1.3')
  // Name constraints may leave room for some of the names only.
  const uris = [...new Set([identity.uri, ...foreign.keys()])]
  // The result for our own certificate applies to its siblings too, unless it is on a list.
  const shown = revokedOf(issuedRecords(chain), crls) === undefined ? chain.issuers[0] : undefined
  const others = bundle.authorities.filter((each) => {
    return each.fingerprint256 !== shown?.fingerprint256 && isValidAt(each, now)
  })
  for (const authority of others) {
    let refused: PeerRefused | undefined
    for (const uri of uris) {
      refused = await refusalOf(standIns.leafOf(authority, uri), look)
      if (refused === undefined || !isOfNames(refused)) break
    }
    if (refused !== undefined) tell(authority, refused, raw, problems)
  }
}

/**
 * Why OpenSSL would refuse a chain, in its own words; undefined if it would not. A copy of the
 * chain is tried, so its key is not needed.
 */
export async function openSslRefusal(
  chain: Chain,
  bundle: TrustBundle,
  crls: readonly BoundCrl[],
  lookWith: LookWith,
): Promise<string | undefined> {
  const standIns = standInsFor(bundle, crls)
  const { caPems: ca, crlPems: crl } = standIns
  const copy = standIns.copyOf(chain)
  const refused = await refusalOf(copy, lookWith({ ...copy, ca, crl }, 'TLSv1.3'))
  return refused?.why
}

/** A peer that OpenSSL would refuse. */
interface PeerRefused {
  readonly role: PeerFacts['role']
  /** Node's code; `UNSPECIFIED` for all that it has none for. */
  readonly code: string
  /** In OpenSSL's words, where there are any. */
  readonly why: string
}

async function refusalOf(
  peer: Pick<HandshakeMaterial, 'key' | 'cert'>,
  look: ReturnType<LookWith>,
): Promise<PeerRefused | undefined> {
  for (const role of ROLES) {
    const { facts, why } = await look(peer, role)
    if (facts.authorized && facts.error === undefined) continue
    const code = facts.error ?? 'no reason'
    return { role, code, why: why ?? code }
  }
  return undefined
}

function isOfNames({ why }: PeerRefused): boolean {
  return /subtree violation|name constraints/.test(why)
}

const DATES: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

function tell(
  authority: Authority,
  refused: PeerRefused,
  raw: RawMaterial,
  problems: Problems,
): void {
  const { code, why, role } = refused
  const who = `${authority.subject.text} (SHA-256 ${authority.fingerprint256.slice(0, 16)}...)`
  const message = `OpenSSL would refuse every peer that ${who} has certified, as a ${role}: ${why}`
  const file = code.includes('CRL') || why.includes('CRL') ? (raw.crl ?? raw.ca).path : raw.ca.path
  if (isOfNames(refused)) {
    const hint = 'its name constraints exclude the names of this installation'
    problems.warning(file, message, hint)
  } else if (DATES.has(code)) {
    problems.warning(file, message, 'an authority above it is not valid now')
  } else problems.error(file, message, remedyOf(refused))
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /CRL/,
    'use the complete list of this authority, whose key identifier is that of its certificate (openssl ca -gencrl)',
  ],
  [
    /signature/i,
    'OpenSSL confuses it with another certificate of the same name: remove one of the two, or reissue it with a subject key identifier',
  ],
  [/purpose/i, 'its extendedKeyUsage must have serverAuth and clientAuth, or be absent'],
  [/path length/i, 'the authority above it allows none below (pathlen): remove it from ca.crt'],
  [/issuer/i, 'put the certificate of the root above it into ca.crt too, or remove it'],
]

function remedyOf({ code, why }: PeerRefused): string {
  const found = REMEDIES.find(
    ([pattern]) => pattern.test(code.replaceAll('_', ' ')) || pattern.test(why),
  )
  return found?.[1] ?? 'remove it from ca.crt, or reissue it without what OpenSSL names'
}

function fileOf(reason: string, raw: RawMaterial): string {
  return reason === 'revocation-unknown' ? (raw.crl ?? raw.ca).path : raw.cert.path
}

function spoken(version: string): string {
  return version.replace('v', ' ')
}

async function attempt<T>(run: () => Promise<T>): Promise<T | Error> {
  try {
    return await run()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
