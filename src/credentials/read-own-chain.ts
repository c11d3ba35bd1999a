import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { Reason } from '../refusal/reasons.ts'
import { isRefusal } from '../refusal/refusal.ts'
import { type Chain, chainOf, type TrustBundle } from '../trust/chain.ts'
import { type Identity, identityOf } from '../trust/identity.ts'
import { labelOf } from '../trust/pin.ts'
import { leafFlaw, profileFlaw } from '../trust/profile.ts'
import type { Certificate } from '../x509/certificate.ts'
import { PemError, splitPem, toPem } from '../x509/pem.ts'
import type { Expectation } from './generation.ts'
import {
  type Problems,
  type RawFile,
  type RawMaterial,
  readCertificates,
  remedyIn,
} from './raw-material.ts'

/** Our own key and chain. */
export interface OwnChain {
  readonly key: KeyObject
  /** What stands in tls.crt, leaf first. */
  readonly presented: readonly Certificate[]
  readonly leaf: Certificate
  /** The leaf and what is above it, up to the root. */
  readonly chain: Chain
  readonly identity: Identity
  /** When the first certificate of the chain ends, milliseconds since the epoch. */
  readonly notAfter: number
}

/** Whose it must be, and when. */
type OwnExpectation = Pick<Expectation, 'module' | 'trustDomain' | 'foreign' | 'now'>

/** A sidecar is called and calls: its certificate is shown in both roles. */
const ROLES = ['server', 'client'] as const

/** What helps, by the reason. */
function remedyFor(reason: Reason, now: number): string | undefined {
  if (reason !== 'expired-certificate') return undefined
  return `issue it again, or set the clock if that is wrong: here it is ${new Date(now).toISOString()}`
}

const KEY_LABELS = ['PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY']

/** Reads and checks our own key and chain; undefined, with problems, if they are not acceptable. */
export function readOwnChain(
  raw: RawMaterial,
  bundle: TrustBundle | undefined,
  expected: OwnExpectation,
  problems: Problems,
): OwnChain | undefined {
  const key = readKey(raw.key, problems)
  const presented = readCertificates(raw.cert, problems)
  const leaf = presented?.[0]
  if (presented === undefined || leaf === undefined) return undefined
  if (key !== undefined) checkKeyFits(key, presented, raw, problems)
  const identity = readIdentity(leaf, raw.cert, expected, problems)
  if (bundle === undefined) {
    for (const flaw of new Set(ROLES.flatMap((role) => leafFlaw(leaf, role) ?? []))) {
      problems.error(raw.cert.path, `the certificate ${flaw}`)
    }
    return undefined
  }
  const chain = checkChain(presented, bundle, { raw, now: expected.now, problems })
  if (key === undefined || identity === undefined || chain === undefined) return undefined
  const notAfter = Math.min(leaf.notAfter, ...chain.issuers.map((issuer) => issuer.notAfter))
  return { key, presented, leaf, chain, identity, notAfter }
}

function readKey(file: RawFile, problems: Problems): KeyObject | undefined {
  if (file.bytes.length === 0) {
    problems.error(file.path, 'the file is empty')
    return undefined
  }
  try {
    const blocks = splitPem(file.bytes, [...KEY_LABELS, 'EC PARAMETERS'])
    const keys = blocks.filter(({ label }) => KEY_LABELS.includes(label))
    const [only] = keys
    if (only !== undefined && keys.length === 1) {
      return createPrivateKey({ key: toPem(only.label, only.der), format: 'pem' })
    }
    problems.error(file.path, `there must be one private key in it, not ${keys.length}`)
  } catch (error) {
    const remedy = error instanceof PemError ? remedyIn(error, file) : undefined
    const said = error instanceof PemError ? error.message : 'the private key in it cannot be read'
    problems.error(file.path, said, remedy ?? 'it must be an unencrypted key in PEM')
  }
  return undefined
}

function checkKeyFits(
  key: KeyObject,
  presented: readonly Certificate[],
  { key: keyFile, cert }: RawMaterial,
  problems: Problems,
): void {
  const fits = ({ der }: Certificate) => new X509Certificate(der).checkPrivateKey(key)
  const [leaf, ...others] = presented
  if (leaf === undefined || fits(leaf)) return
  const hint = others.some(fits)
    ? 'the certificate of this key must come first'
    : 'key and certificate are of different pairs'
  problems.error(cert.path, `the first certificate is not that of the key in ${keyFile.path}`, hint)
}

function readIdentity(
  leaf: Certificate,
  file: RawFile,
  { module, trustDomain, foreign = new Map() }: OwnExpectation,
  problems: Problems,
): Identity | undefined {
  const identity = identityOf(leaf, { trustDomain, foreign })
  if (isRefusal(identity)) {
    problems.error(file.path, identity.because)
    return undefined
  }
  if (module !== undefined && (identity.kind !== 'module' || identity.id !== module)) {
    const message = `it is the certificate of ${labelOf(identity)}, the configuration says ${module}`
    const hint = `put that of ${module} there, or correct \`module\``
    problems.error(file.path, message, hint)
    return undefined
  }
  return identity
}

/** Checks our own chain as peers will; undefined if there is none. */
function checkChain(
  [leaf, ...others]: readonly Certificate[],
  bundle: TrustBundle,
  { raw, now, problems }: { raw: RawMaterial; now: number; problems: Problems },
): Chain | undefined {
  if (leaf === undefined) return undefined
  const chain = chainOf(leaf, others, bundle)
  if (chain === undefined) {
    const message = `the certificate (issuer: ${leaf.issuer.text}) does not lead to a root in ${raw.ca.path}`
    const hint = `the root above it belongs into ${raw.ca.path}, intermediates into tls.crt, after the leaf`
    problems.error(raw.cert.path, message, hint)
    return undefined
  }
  const flaws = ROLES.flatMap((role) => profileFlaw(chain, role, now) ?? [])
  const hints = new Map(flaws.map(({ because, reason }) => [because, remedyFor(reason, now)]))
  for (const [flaw, hint] of hints) problems.error(raw.cert.path, flaw, hint)
  return chain
}
