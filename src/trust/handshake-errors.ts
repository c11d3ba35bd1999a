import { type Refusal, refuse } from '../refusal/refusal.ts'

const NOT_VALID_NOW: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** No list, or none that can be trusted: it is unknown whether the certificate is revoked. */
const NO_CURRENT_LIST: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_GET_CRL_ISSUER',
  'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  'CRL_SIGNATURE_FAILURE',
  'CRL_NOT_YET_VALID',
  'CRL_HAS_EXPIRED',
  'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
])

const NO_ISSUER: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** How to find out why OpenSSL refuses a certificate. */
const ASK_OPENSSL =
  'what `openssl verify -CAfile ca.crt -untrusted CHAIN PEER` (with -crl_check_all -CRLfile ca.crl where there are lists) says against it'

/** What must be done when a chain does not reach a root that we trust. */
export const ADD_ISSUER =
  'let the peer send its intermediates, or add the issuing CA to ca.crt beside its root'

/** Node's text for refusals of OpenSSL for which it has no code. */
const UNSPECIFIED = 'UNSPECIFIED'

/**
 * Turns the code that Node names for a chain which OpenSSL refused into a reason. Codes that are
 * not known here, or missing, are `untrusted-certificate`. `dates` says which certificate is not
 * valid now, if one is known.
 */
export function refusalOfCode(
  code: string | undefined,
  who: string,
  dates: string | undefined,
): Refusal {
  const refused = `OpenSSL refused the certificate of ${who}`
  if (code === undefined) return refuse('untrusted-certificate', `${refused} without saying why`)
  if (code === UNSPECIFIED) {
    const because = `${refused} for a reason that Node has no code for: constraints or policies of a certificate above it, or the scope of a revocation list`
    return refuse('untrusted-certificate', because, { wouldAllow: ASK_OPENSSL })
  }
  const because = `${refused} with ${code.slice(0, 80)}`
  if (NOT_VALID_NOW.has(code)) {
    return refuse('expired-certificate', dates === undefined ? because : `${because}: ${dates}`)
  }
  if (code === 'CERT_REVOKED') return refuse('revoked-certificate', because)
  if (NO_CURRENT_LIST.has(code)) {
    const wouldAllow = 'a current revocation list of every issuing CA in ca.crl'
    return refuse('revocation-unknown', because, { wouldAllow })
  }
  if (NO_ISSUER.has(code)) {
    return refuse('untrusted-certificate', because, { wouldAllow: ADD_ISSUER })
  }
  return refuse('untrusted-certificate', because)
}
