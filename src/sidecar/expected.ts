import type { Config } from '../config/config.ts'

/** Whose credentials they must be. */
export function expectedOf({ module, trustDomain, pins }: Config) {
  return { module: module.id, trustDomain, foreign: new Map(Object.entries(pins.identities)) }
}
