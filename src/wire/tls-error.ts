import { errorCode } from '../fault.ts'

/**
 * Did OpenSSL find what came to be no TLS, or was told so in an alert? For such an error Node emits
 * `error` and, once a handshake is over, leaves the socket open: whoever is told must destroy it.
 */
export function isTlsError(error: unknown): boolean {
  return errorCode(error)?.startsWith('ERR_SSL_') === true
}

/** An error in the fewest words: its code. */
export function saidBy(error: Error): string {
  return errorCode(error) ?? error.message
}
