import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'

/** Key, chain and trust of one generation, all PEM. */
export interface Material {
  readonly key: string
  /** The leaf, then its intermediates. */
  readonly cert: string
  /** The trust bundle, one certificate or several in each entry. Never empty. */
  readonly ca: readonly string[]
  /** One list in each entry: of a PEM with two Node reads only the first. */
  readonly crl: readonly string[]
}

/** Key and chain of a listener that asks for no certificate: the ones that browsers see. */
export type PublicKeyPair = Pick<Material, 'key' | 'cert'>

/** The default protocol inside TLS. */
export const ALPN_HTTP1 = 'http/1.1'

// AES-128 first: at 128 bits of security a slower cipher gains nothing, and processors have it in
// hardware.
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  // No SHA-1 signature, no RSA key under 2048 bits (OpenSSL's SSL_CTX_set_security_level).
  '@SECLEVEL=2',
].join(':')

// The hybrid first, so that traffic recorded today cannot be decrypted by a future quantum
// computer. In measurements a handshake cost the same with and without it. P-521 last: in TLS 1.2 a
// certificate with such a key can be served only if its curve is listed.
const GROUPS = 'X25519MLKEM768:X25519:P-256:P-384:P-521'

/** Options for all TLS here, on both ends. */
export function protocolOptions(): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    ecdhCurve: GROUPS,
    honorCipherOrder: true,
    // No tickets: a resumed connection has no certificate to judge. Those of TLS 1.3, which this
    // option only makes stateful, are turned off by openssl.cnf; without that file they name
    // sessions that are never stored: that would need the server's `newSession` event.
    secureOptions:
      constants.SSL_OP_NO_TICKET |
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_NO_COMPRESSION,
    sessionTimeout: 1,
    // An intermediate in the bundle is not a root.
    allowPartialTrustChain: false,
  }
}

/**
 * The full set of options for a context of mutual TLS: `setSecureContext` replaces all of them, and
 * what is left out falls back to Node's defaults.
 * Throws an Error when there is no trust bundle: Node would silently take the public roots.
 */
export function contextOptions(material: Material): SecureContextOptions {
  const { key, cert, ca, crl } = material
  if (!isFilled(ca)) throw new Error('a TLS context needs a trust bundle: ca is empty')
  if (crl.length > 0 && !isFilled(crl)) throw new Error('an entry of crl is empty')
  return {
    ...publicContextOptions({ key, cert }),
    ca: [...ca],
    ...(crl.length > 0 ? { crl: [...crl] } : {}),
  }
}

/** The full set where the clients prove nothing. Throws an Error without key and certificate. */
export function publicContextOptions({ key, cert }: PublicKeyPair): SecureContextOptions {
  if (!isPem(key) || !isPem(cert)) throw new Error('a TLS context needs a key and a certificate')
  return { ...protocolOptions(), key, cert }
}

const contexts = new WeakMap<Material, SecureContext>()

/** The context of a Material for connections that we open; made once for each Material value. */
export function dialContext(material: Material): SecureContext {
  let context = contexts.get(material)
  if (context === undefined) {
    context = createSecureContext(contextOptions(material))
    contexts.set(material, context)
  }
  return context
}

function isFilled(list: readonly string[] | undefined): boolean {
  return Array.isArray(list) && list.length > 0 && list.every((pem) => isPem(pem))
}

function isPem(pem: unknown): boolean {
  return typeof pem === 'string' && pem.includes('-----BEGIN ')
}
