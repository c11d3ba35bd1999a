import { type Refusal, refuse } from '../refusal/refusal.ts'

const NOT_VALID_NOW: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** No list, or none that may be believed: nobody can say whether the certificate stands on one. */
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

/** What must be done when a chain does not reach a root that we trust. */
export const ADD_ISSUER =
  'let the peer send its intermediates, or add the issuing CA to ca.crt beside its root'

/**
 * Turns the code that Node names for a chain which OpenSSL refused into a reason. Codes that are
 * not known here, or missing, are `untrusted-certificate`.
 */
export function refusalOfCode(code: string | undefined, who: string): Refusal {
  const said = code === undefined ? 'without saying why' : `with ${code.slice(0, 80)}`
  const because = `OpenSSL refused the certificate of ${who} ${said}`
  if (code === undefined) return refuse('untrusted-certificate', because)
  if (NOT_VALID_NOW.has(code)) return refuse('expired-certificate', because)
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
