import type { Authority, TrustBundle } from '../trust/chain.ts'
import { boundCrls, signerOf } from '../trust/revocation.ts'
import {
  type BoundCrl,
  type Crl,
  crlOf,
  isCurrent,
  isNewer,
  isStronglySigned,
  parseCrl,
} from '../x509/crl.ts'
import { type Problems, type RawFile, readBlocks } from './raw-material.ts'

/** What lists are read against. */
export interface CrlContext {
  readonly bundle: TrustBundle
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The newest list of each authority that has been in use: an older one does not replace it. */
  readonly known: readonly BoundCrl[]
}

/** The lists to be used. */
export interface CrlsRead {
  /** One of each authority of the bundle, or none at all. */
  readonly crls: readonly BoundCrl[]
  /** Is one among them that the file does not have, because it has an older one? */
  readonly kept: boolean
}

/**
 * Reads the revocation lists: each signed by an authority of the bundle, and where there is one,
 * every authority has a current one. With any list set OpenSSL wants one for every issuer of every
 * chain, and would refuse every other peer. Undefined, and problems, where that does not hold; only
 * the newest list of each authority is kept.
 */
export function readCrls(
  file: RawFile | undefined,
  context: CrlContext,
  problems: Problems,
): CrlsRead | undefined {
  if (file === undefined) return { crls: [], kept: false }
  const crls = readBlocks(file, 'X509 CRL', parseCrl, problems)
  if (crls === undefined) return undefined
  const { bundle, now } = context
  const bound = crls.flatMap((crl) => bind(crl, bundle, file, problems))
  const newest = bundle.authorities
    .filter((authority) => authority.notAfter >= now)
    .flatMap((authority) => currentListOf(authority, bound, context, file, problems))
  if (problems.any) return undefined
  return { crls: [...new Set(newest)], kept: newest.some((crl) => !bound.includes(crl)) }
}

const NO_AUTHORITY = 'no authority of this name is in the trust bundle'

function bind(
  crl: Crl,
  bundle: TrustBundle,
  file: RawFile,
  problems: Problems,
): readonly BoundCrl[] {
  const bound = boundCrls([crl], bundle)
  if (bound.length > 0) return bound
  const why =
    signerOf(crl, bundle) !== undefined
      ? 'its authority may not sign lists (cRLSign)'
      : !isStronglySigned(crl)
        ? `it is signed with an algorithm that is not accepted (${crl.signed.algorithm})`
        : bundle.bySubject.has(crl.issuer.key)
          ? 'its signature is not that of this authority'
          : NO_AUTHORITY
  const hint =
    why === NO_AUTHORITY ? 'put its certificate into ca.crt too, or remove its list' : undefined
  problems.error(
    file.path,
    `the revocation list of ${crl.issuer.text} is not trusted: ${why}`,
    hint,
  )
  return []
}

function currentListOf(
  authority: Authority,
  bound: readonly BoundCrl[],
  { now, known }: CrlContext,
  file: RawFile,
  problems: Problems,
): readonly BoundCrl[] {
  const { spkiSha256 } = authority.publicKey
  const name = authority.subject.text
  // A list written in advance must not hide the one that is valid until then.
  const begun = bound.filter(({ thisUpdate }) => thisUpdate <= now)
  const found = crlOf(begun, spkiSha256) ?? crlOf(bound, spkiSha256)
  if (found === undefined) {
    const hint = 'once there is one list, every authority of the bundle needs one'
    problems.error(file.path, `there is no revocation list of ${name}`, hint)
    return []
  }
  const before = crlOf(known, spkiSha256)
  const isOlder = before !== undefined && isNewer(before, found)
  if (isOlder) {
    const message = `the revocation list of ${name} (${titleOf(found)}) is older than the one in use (${titleOf(before)}), which stays in use`
    problems.warning(
      file.path,
      message,
      'put the newest list into ca.crl; only a restart forgets the one in use',
    )
  }
  const crl = isOlder ? before : found
  if (crl.number === undefined) {
    const message = `the revocation list of ${name} has no number (CRLNumber): its date alone says which of two is newer`
    problems.warning(file.path, message, 'openssl ca writes one where `crlnumber` names a file')
  }
  if (!isCurrent(crl, now)) {
    const end = new Date(now < crl.thisUpdate ? crl.thisUpdate : crl.nextUpdate).toISOString()
    const [when, hint] =
      now < crl.thisUpdate
        ? [
            `is not valid before ${end}`,
            `is a clock wrong? Here it is ${new Date(now).toISOString()}`,
          ]
        : [
            `expired on ${end}`,
            'put the newest list of this CA there (certs revoke --refresh writes one)',
          ]
    problems.error(file.path, `the revocation list of ${name} ${when}`, hint)
  }
  return [crl]
}

/** `number 7 of 2026-03-01T00:00:00.000Z`. */
function titleOf({ number, thisUpdate }: Crl): string {
  const date = new Date(thisUpdate).toISOString()
  return number === undefined ? `of ${date}` : `number ${number} of ${date}`
}
