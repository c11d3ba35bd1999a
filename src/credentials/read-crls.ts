import type { Authority, TrustBundle } from '../trust/bundle.ts'
import { type BoundCrl, type Crl, crlOf, isCurrent, isSignedBy, parseCrl } from '../trust/crl.ts'
import { KEY_USAGE } from '../trust/extensions.ts'
import type { Problems } from './problems.ts'
import { readBlocks } from './read-certificates.ts'
import type { RawFile } from './source.ts'

/**
 * Reads the revocation lists: each signed by an authority of the bundle, and where there is one,
 * every authority has a current one. With any list set OpenSSL wants one for every issuer of every
 * chain, and would refuse everybody else. Undefined, and problems, where that does not hold; only
 * the newest list of each authority is kept.
 */
export function readCrls(
  file: RawFile | undefined,
  bundle: TrustBundle,
  now: number,
  problems: Problems,
): readonly BoundCrl[] | undefined {
  if (file === undefined) return []
  const crls = readBlocks(file, 'X509 CRL', parseCrl, problems)
  if (crls === undefined) return undefined
  const bound = crls.flatMap((crl) => bind(crl, bundle, file, problems))
  const newest = bundle.authorities
    .filter((authority) => authority.notAfter >= now)
    .flatMap((authority) => currentListOf(authority, bound, now, file, problems))
  return problems.any ? undefined : [...new Set(newest)]
}

function bind(
  crl: Crl,
  bundle: TrustBundle,
  file: RawFile,
  problems: Problems,
): readonly BoundCrl[] {
  const named = bundle.bySubject.get(crl.issuer.key) ?? []
  const signer = named.find((authority) => isSignedBy(crl, authority.key))
  const usage = signer?.extensions.keyUsage
  if (signer !== undefined && (usage === undefined || usage.has(KEY_USAGE.cRLSign))) {
    return [{ ...crl, signedBy: signer.publicKey.spkiSha256 }]
  }
  const why =
    signer !== undefined
      ? 'its authority may not sign lists (cRLSign)'
      : named.length > 0
        ? 'its signature is not that of this authority'
        : 'no authority of this name is in the trust bundle'
  problems.error(
    file.path,
    `the revocation list of ${crl.issuer.text} is not to be trusted: ${why}`,
  )
  return []
}

function currentListOf(
  authority: Authority,
  bound: readonly BoundCrl[],
  now: number,
  file: RawFile,
  problems: Problems,
): readonly BoundCrl[] {
  const crl = crlOf(bound, authority.publicKey.spkiSha256)
  const name = authority.subject.text
  if (crl === undefined) {
    const hint = 'once there is one list, every authority of the bundle needs one'
    problems.error(file.path, `there is no revocation list of ${name}`, hint)
    return []
  }
  if (!isCurrent(crl, now)) {
    const end = new Date(now < crl.thisUpdate ? crl.thisUpdate : crl.nextUpdate).toISOString()
    const when = now < crl.thisUpdate ? `is not valid before ${end}` : `ran out on ${end}`
    problems.error(file.path, `the revocation list of ${name} ${when}`)
  }
  return [crl]
}
