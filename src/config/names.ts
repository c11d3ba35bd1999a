import { parseModuleId, splitModuleId } from '../folio/module-id.ts'
import type { Parsed } from './addresses.ts'

/** A module id as Okapi splits it. */
export interface ModuleName {
  readonly id: string
  readonly product: string
  readonly version: string
}

/** What a peer must prove: exactly this id, or any version of this product. */
export type PeerName =
  | { readonly kind: 'module'; readonly id: string }
  | { readonly kind: 'product'; readonly product: string }

/** SPIFFE path characters: an id with others (`+` of a build) cannot stand in a certificate. */
const SPIFFE_SEGMENT = /^[a-zA-Z0-9._-]+$/

/** `mod-users-19.7.0`. */
export function parseModule(text: string): Parsed<ModuleName> {
  const parsed = SPIFFE_SEGMENT.test(text) ? parseModuleId(text) : undefined
  const { product, version } = splitModuleId(text)
  return parsed === undefined || version === undefined
    ? { wrong: 'must be a module id with its version, as mod-users-19.7.0' }
    : { value: { id: text, product, version } }
}

/** `mod-users-19.7.0` or `mod-users`. */
export function parsePeerName(text: string): Parsed<PeerName> {
  if ('value' in parseModule(text)) return { value: { kind: 'module', id: text } }
  return SPIFFE_SEGMENT.test(text) && splitModuleId(text).version === undefined
    ? { value: { kind: 'product', product: text } }
    : { wrong: 'must be a module id as okapi-7.2.0, or a product as okapi' }
}
