import type { Config } from '../config/config.ts'
import { handshakeWithSelf } from '../transport/handshake-check.ts'

/** What credentials are held to, at start, on reload and by `check` alike. */
export function expectedOf({ module, trustDomain, pins }: Config) {
  const foreign = new Map(Object.entries(pins.identities))
  return { module: module.id, trustDomain, foreign, handshake: handshakeWithSelf }
}
