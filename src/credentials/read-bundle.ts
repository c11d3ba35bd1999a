import { Fault } from '../fault.ts'
import { makeBundle, type TrustBundle } from '../trust/bundle.ts'
import type { Certificate } from '../trust/certificate.ts'
import { issuerFlaw, isValidAt } from '../trust/profile.ts'
import type { Problems } from './problems.ts'
import { readCertificates } from './read-certificates.ts'
import type { RawFile } from './source.ts'

/**
 * Reads the trust bundle: authorities only, at least one of them a root that is valid now.
 * Undefined, and a problem for each thing wrong, where it is not that.
 */
export function readBundle(
  file: RawFile,
  now: number,
  problems: Problems,
): TrustBundle | undefined {
  const all = readCertificates(file, problems)
  if (all === undefined) return undefined
  const certificates = [...new Map(all.map((each) => [each.fingerprint256, each])).values()]
  const flaws = certificates.flatMap(describeFlaw)
  for (const flaw of flaws) problems.error(file.path, flaw)
  if (flaws.length > 0) return undefined
  for (const late of certificates.filter((each) => !isValidAt(each, now))) {
    problems.warning(file.path, `${nameOf(late)} is not valid now`, 'take it out of the bundle')
  }
  const bundle = bundleOf(certificates, file, problems)
  if (bundle === undefined || bundle.roots.some((root) => isValidAt(root, now))) return bundle
  problems.error(file.path, 'no root in it is valid now')
  return undefined
}

function describeFlaw(certificate: Certificate): readonly string[] {
  const selfIssued = certificate.subject.key === certificate.issuer.key
  const flaw = issuerFlaw(certificate, selfIssued ? 'root' : 'intermediate')
  return flaw === undefined ? [] : [`${nameOf(certificate)} ${flaw}`]
}

function bundleOf(
  certificates: readonly Certificate[],
  file: RawFile,
  problems: Problems,
): TrustBundle | undefined {
  try {
    return makeBundle(certificates)
  } catch (error) {
    const message = error instanceof Fault ? error.message : `a key in it cannot be read: ${error}`
    problems.error(file.path, message, 'put the certificate of the root CA into it')
    return undefined
  }
}

function nameOf({ subject, fingerprint256 }: Certificate): string {
  return `the certificate ${subject.text || '(no name)'} (SHA-256 ${fingerprint256.slice(0, 16)}...)`
}
