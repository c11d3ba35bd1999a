/** What a PEM block holds, as its BEGIN line says (RFC 7468). OpenSSL reads `X509 CRL` only. */
export type PemLabel = 'CERTIFICATE' | 'X509 CRL' | 'CERTIFICATE REQUEST' | 'PRIVATE KEY'

/** DER as a PEM block with a final newline, 64 characters a line. */
export function pem(label: PemLabel, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** The DER of every block with that label, in order; text between blocks is passed over. */
export function blocks(label: PemLabel, text: string): readonly Buffer[] {
  const block = new RegExp(
    `-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`,
    'g',
  )
  return [...text.matchAll(block)].map(([, base64]) => Buffer.from(base64!, 'base64'))
}
