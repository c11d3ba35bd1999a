import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Certificate } from '../x509/certificate.ts'
import { EXT_KEY_USAGE, EXTENSION, KEY_USAGE } from '../x509/extensions.ts'
import type { PublicKeyInfo } from '../x509/public-key.ts'
import { SIGNATURE_ALGORITHMS } from '../x509/signature.ts'
import { type Chain, MAX_CHAIN_DEPTH } from './chain.ts'

/** What the holder of a leaf does with it. */
export type Role = 'client' | 'server'

const PURPOSE = { client: 'clientAuth', server: 'serverAuth' } as const

/** RFC 5280 4.1.2.2. */
const MAX_SERIAL_OCTETS = 20
const MIN_RSA_BITS = 2048
/** Larger keys are useless and expensive to verify. */
const MAX_RSA_BITS = 8192

/** Critical extensions that OpenSSL or this file acts on; any other must be refused (4.2). */
const UNDERSTOOD_ON_LEAF: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.certificatePolicies,
  EXTENSION.extKeyUsage,
])
const UNDERSTOOD_ON_ISSUER: ReadonlySet<string> = new Set([
  ...UNDERSTOOD_ON_LEAF,
  EXTENSION.nameConstraints,
  EXTENSION.policyMappings,
  EXTENSION.policyConstraints,
  EXTENSION.inhibitAnyPolicy,
])

/**
 * Checks a chain against our own profile, which is stricter than OpenSSL's: leaf and every issuer
 * up to the root. Undefined if it complies.
 */
export function profileFlaw(chain: Chain, role: Role, now: number): Refusal | undefined {
  const { leaf, issuers } = chain
  const flaw = leafFlaw(leaf, role)
  if (flaw !== undefined) return untrusted(`the certificate ${flaw}`)
  if (issuers.length > MAX_CHAIN_DEPTH) return untrusted('the chain is too long')
  const expired = validityRefusal(leaf, 'the certificate', now)
  if (expired !== undefined) return expired
  for (const [index, issuer] of issuers.entries()) {
    const who = `the issuer ${issuer.subject.text}`
    const isRoot = index === issuers.length - 1
    const intermediatesBelow = issuers
      .slice(0, index)
      .filter((below) => below.subject.key !== below.issuer.key).length
    const found = issuerFlaw(issuer, isRoot ? 'root' : 'intermediate')
    if (found !== undefined) return untrusted(`${who} ${found}`)
    const allowed = issuer.extensions.basicConstraints?.pathLength
    if (allowed !== undefined && intermediatesBelow > allowed) {
      return untrusted(`${who} allows ${allowed} authorities below it, there are more`)
    }
    if (!purposeFits(issuer, role, 'or any')) {
      return untrusted(`${who} is not for ${PURPOSE[role]}`)
    }
    const late = validityRefusal(issuer, who, now)
    if (late !== undefined) return late
  }
  return undefined
}

/** What is wrong with a leaf, apart from its dates, as the end of a sentence; or undefined. */
export function leafFlaw(leaf: Certificate, role: Role): string | undefined {
  const { basicConstraints, keyUsage, extKeyUsage, present, subjectAltName } = leaf.extensions
  if (leaf.version !== 3) return `is of version ${leaf.version}, not 3`
  if (basicConstraints?.ca === true) return 'is that of a CA (CA:TRUE)'
  if (basicConstraints?.pathLength !== undefined) return 'has a path length without being a CA'
  if (keyUsage === undefined) return 'has no keyUsage'
  if (keyUsage.has(KEY_USAGE.keyCertSign)) return 'may sign certificates (keyCertSign)'
  if (!keyUsage.has(KEY_USAGE.digitalSignature)) return 'is not for digitalSignature'
  if (extKeyUsage === undefined) return 'has no extKeyUsage'
  if (!purposeFits(leaf, role, 'exactly')) return `is not for ${PURPOSE[role]}`
  if (present.has(EXTENSION.nameConstraints)) return 'has nameConstraints without being a CA'
  const wildcard = subjectAltName?.some(({ type, text }) => type === 'dns' && text.includes('*'))
  if (wildcard) return 'has a wildcard name'
  return commonFlaw(leaf, UNDERSTOOD_ON_LEAF)
}

/** What is wrong with an authority, apart from its dates, as the end of a sentence; or undefined. */
export function issuerFlaw(
  issuer: Certificate,
  place: 'root' | 'intermediate',
): string | undefined {
  const { basicConstraints, keyUsage } = issuer.extensions
  if (issuer.version !== 3) return `is of version ${issuer.version}, not 3`
  if (basicConstraints?.ca !== true) return 'is not a CA: its basicConstraints do not say CA:TRUE'
  // Many private roots have no keyUsage, which then allows everything (4.2.1.3); trusting them is
  // the operator's decision. An intermediate comes from the peer.
  if (keyUsage === undefined ? place !== 'root' : !keyUsage.has(KEY_USAGE.keyCertSign)) {
    return 'may not sign certificates (keyCertSign)'
  }
  if (issuer.subject.empty) return 'has no name'
  return commonFlaw(issuer, UNDERSTOOD_ON_ISSUER)
}

/** Is the certificate valid at this instant? */
export function isValidAt({ notBefore, notAfter }: Certificate, now: number): boolean {
  return notBefore <= now && now <= notAfter
}

function validityRefusal(certificate: Certificate, who: string, now: number): Refusal | undefined {
  const flaw = validityFlaw(certificate, who, now)
  return flaw === undefined ? undefined : refuse('expired-certificate', flaw)
}

/** The first of these that is not valid at this instant, as text; undefined if all are valid. */
export function datesFlaw(certificates: readonly Certificate[], now: number): string | undefined {
  for (const certificate of certificates) {
    const name = certificate.subject.text
    const who = name === '' ? 'it' : `the certificate ${name}`
    const flaw = validityFlaw(certificate, who, now)
    if (flaw !== undefined) return flaw
  }
  return undefined
}

/** OpenSSL has no tolerance for different clocks, so the message says by how much they differ. */
function validityFlaw(certificate: Certificate, who: string, now: number): string | undefined {
  if (isValidAt(certificate, now)) return undefined
  const { notBefore, notAfter } = certificate
  if (now > notAfter) return `${who} is not valid after ${isoSeconds(notAfter)}`
  const clock = `in ${lengthOf(notBefore - now)} by the clock here, ${isoSeconds(now)}`
  return `${who} is not valid before ${isoSeconds(notBefore)} (${clock})`
}

/** The same text at any time, to detect whether it was reported before. */
export function withoutClock(text: string): string {
  return text.replace(/ \(in [0-9]+ [a-z]+ by the clock here, [0-9TZ:-]+\)/g, '')
}

/** `12 s`, `3 min`, `5 h`, `2 d`. */
function lengthOf(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

function commonFlaw(
  { serial, signatureAlgorithm, publicKey, extensions }: Certificate,
  understood: ReadonlySet<string>,
): string | undefined {
  if (serial.sign !== 1) return 'has a serial number that is not positive'
  if (serial.octets > MAX_SERIAL_OCTETS) return 'has a serial number of more than 20 octets'
  if (!SIGNATURE_ALGORITHMS.has(signatureAlgorithm)) {
    return `is signed with an algorithm that is not accepted (${signatureAlgorithm})`
  }
  for (const oid of extensions.critical) {
    if (!understood.has(oid)) return `has a critical extension that is not understood (${oid})`
  }
  return keyFlaw(publicKey)
}

/** P-256 and above, RSA from 2048 bits, and Ed25519, which is as strong as P-256. */
export function keyFlaw({ algorithm, curve, bits }: PublicKeyInfo): string | undefined {
  if (algorithm === 'ed25519') return undefined
  if (algorithm === 'ec') {
    return curve?.startsWith('P-') === true ? undefined : `has a key on the curve ${curve}`
  }
  if (algorithm !== 'rsa' || bits === undefined) return 'has a key of a kind that is not accepted'
  const fits = bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && bits % 8 === 0
  return fits ? undefined : `has an RSA key of ${bits} bits`
}

/**
 * anyExtendedKeyUsage is not accepted for a leaf; an authority without extKeyUsage has all
 * purposes.
 */
function purposeFits(
  { extensions: { extKeyUsage } }: Certificate,
  role: Role,
  how: 'exactly' | 'or any',
): boolean {
  if (how === 'exactly') return extKeyUsage?.includes(EXT_KEY_USAGE[PURPOSE[role]]) === true
  if (extKeyUsage === undefined || extKeyUsage.includes(EXT_KEY_USAGE.any)) return true
  return extKeyUsage.includes(EXT_KEY_USAGE[PURPOSE[role]])
}

function untrusted(because: string): Refusal {
  return refuse('untrusted-certificate', because)
}

function isoSeconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`
}
