import { Fault } from '../fault.ts'
import { makeBundle, type TrustBundle } from '../trust/chain.ts'
import { issuerFlaw, isValidAt } from '../trust/profile.ts'
import type { Certificate } from '../x509/certificate.ts'
import { type Problems, type RawFile, readCertificates } from './raw-material.ts'

/**
 * Reads the trust bundle: authorities only, at least one of them a root that is valid now.
 * Undefined, and a problem for each thing wrong, where it is not that. SPIRE leaves an authority that
 * has ended in the bundle for a day and more (pruneBundleInterval, safetyThresholdBundle), so of an
 * agent's bundle that is no problem.
 */
export function readBundle(
  file: RawFile,
  now: number,
  problems: Problems,
  byAgent = false,
): TrustBundle | undefined {
  const all = readCertificates(file, problems)
  if (all === undefined) return undefined
  const certificates = [...new Map(all.map((each) => [each.fingerprint256, each])).values()]
  const flaws = certificates.flatMap(describeFlaw)
  for (const flaw of flaws) {
    problems.error(file.path, flaw, 'only the certificates of authorities belong there')
  }
  if (flaws.length > 0) return undefined
  const late = certificates.filter((each) => !isValidAt(each, now))
  for (const each of late.filter(({ notAfter }) => !byAgent || now <= notAfter)) {
    warnOfDates(each, now, file, problems)
  }
  const bundle = bundleOf(certificates, file, problems)
  if (bundle !== undefined) refuseTwins(bundle, file, problems)
  if (bundle === undefined || bundle.roots.some((root) => isValidAt(root, now))) return bundle
  const here = `here it is ${new Date(now).toISOString()}`
  problems.error(
    file.path,
    'no root in it is valid now',
    `${here}: set the clock, or put the current root there`,
  )
  return undefined
}

function describeFlaw(certificate: Certificate): readonly string[] {
  const selfIssued = certificate.subject.key === certificate.issuer.key
  const flaw = issuerFlaw(certificate, selfIssued ? 'root' : 'intermediate')
  return flaw === undefined ? [] : [`${nameOf(certificate)} ${flaw}`]
}

function warnOfDates(late: Certificate, now: number, file: RawFile, problems: Problems): void {
  const { notBefore, notAfter } = late
  const iso = (time: number) => new Date(time).toISOString()
  if (now < notBefore) {
    const hint = 'no certificate below it is accepted until then; is a clock wrong?'
    problems.warning(file.path, `${nameOf(late)} is not valid before ${iso(notBefore)}`, hint)
  } else {
    const message = `${nameOf(late)} expired on ${iso(notAfter)}`
    problems.warning(file.path, message, 'remove it from the bundle')
  }
}

/**
 * If two authorities have the same name and different keys, OpenSSL uses the first, unless key
 * identifiers distinguish them, and refuses what the other has signed.
 */
function refuseTwins({ bySubject }: TrustBundle, file: RawFile, problems: Problems): void {
  for (const authorities of bySubject.values()) {
    for (const [index, first] of authorities.entries()) {
      const twin = authorities.slice(index + 1).find((second) => !isToldApart(first, second))
      if (twin === undefined) continue
      const prints = [first, twin].map((each) => `SHA-256 ${each.fingerprint256.slice(0, 16)}...`)
      const message = `two authorities have the name ${first.subject.text} and different keys (${prints.join(', ')}), and no subject key identifiers that tell them apart: OpenSSL would refuse the peers of one of them`
      const hint = 'remove one, or reissue one under another name or with a key identifier'
      problems.error(file.path, message, hint)
    }
  }
}

function isToldApart(first: Certificate, second: Certificate): boolean {
  if (first.publicKey.spkiSha256 === second.publicKey.spkiSha256) return true
  const [one, other] = [first.extensions.subjectKeyId, second.extensions.subjectKeyId]
  return one !== undefined && other !== undefined && one !== other
}

function bundleOf(
  certificates: readonly Certificate[],
  file: RawFile,
  problems: Problems,
): TrustBundle | undefined {
  try {
    return makeBundle(certificates)
  } catch (error) {
    if (error instanceof Fault) problems.error(file.path, error.message, missingRoots(certificates))
    else problems.error(file.path, `a key in it cannot be read: ${error}`)
    return undefined
  }
}

/** Only intermediates are there, as some issuers write them: whose certificates are missing? */
function missingRoots(certificates: readonly Certificate[]): string {
  const subjects = new Set(certificates.map(({ subject }) => subject.key))
  const missing = certificates.filter(({ issuer }) => !subjects.has(issuer.key))
  const names = [...new Set(missing.map(({ issuer }) => issuer.text || '(no name)'))]
  const held = certificates.map(({ subject }) => subject.text || '(no name)').join('; ')
  if (names.length === 0) return 'put the certificate of the root CA into it'
  return `it holds ${held}: put the certificate of ${names.join('; ')} into it too, and so on up to the root`
}

function nameOf({ subject, fingerprint256 }: Certificate): string {
  return `the certificate ${subject.text || '(no name)'} (SHA-256 ${fingerprint256.slice(0, 16)}...)`
}
