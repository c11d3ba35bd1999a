import type { X509Certificate } from 'node:crypto'

/** No chain of ours is longer; one that is goes nowhere. */
const LONGEST = 5

/**
 * The certificates from a leaf up to one of the roots, each signed by the next, or as far as they
 * lead. Signatures and key usage are OpenSSL's judgement; validity is left to the caller.
 */
export function chainOf(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): { readonly path: readonly X509Certificate[]; readonly root: X509Certificate | undefined } {
  const path = [leaf]
  while (path.length <= LONGEST) {
    const last = path.at(-1)!
    const root = roots.find((one) => signs(one, last))
    if (root !== undefined) return { path: [...path, root], root }
    const next = intermediates.find((one) => !path.includes(one) && signs(one, last))
    if (next === undefined) break
    path.push(next)
  }
  return { path, root: undefined }
}

/** Whether `issuer` is a CA that has signed `subject`. */
export function signs(issuer: X509Certificate, subject: X509Certificate): boolean {
  return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
}
