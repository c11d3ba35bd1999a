import type { Config, PublicSettings } from '../config/config.ts'
import type { PublicExpectation } from '../credentials/public-certificate.ts'
import { handshakeForPublic, lookWith } from '../transport/handshake-check.ts'

/** What credentials are held to, at start, on reload and by `check` alike. */
export function expectedOf({ module, trustDomain, pins }: Config) {
  const foreign = new Map(Object.entries(pins.identities))
  return { module: module.id, trustDomain, foreign, lookWith }
}

/** The same for the certificate of `public`. */
export function publicExpectationOf({
  credentials: { directory },
}: PublicSettings): PublicExpectation {
  return { directory, handshake: handshakeForPublic }
}
