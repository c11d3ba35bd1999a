import type { Parsed } from './addresses.ts'

/** A module id as Okapi splits it: the product ends before the first `-` that a digit follows. */
export interface ModuleName {
  readonly id: string
  readonly product: string
  readonly version: string
}

/** What a peer must prove: exactly this id, or any version of this product. */
export type Pin =
  | { readonly kind: 'module'; readonly id: string }
  | { readonly kind: 'product'; readonly product: string }

/** Who a certificate stands for; fits `Caller` of the policy. */
export type Name =
  | ({ readonly kind: 'module' } & ModuleName)
  | { readonly kind: 'operator' | 'client'; readonly name: string }

const PRODUCT = /^[a-zA-Z0-9._-]+$/
const MODULE = /^([a-zA-Z0-9._-]+?)-(\d[a-zA-Z0-9._+-]*)$/

/** `mod-users-19.7.0`. */
export function parseModule(text: string): Parsed<ModuleName> {
  const [, product, version] = MODULE.exec(text) ?? []
  return product === undefined || version === undefined
    ? { wrong: 'must be a module id with its version, as mod-users-19.7.0' }
    : { value: { id: text, product, version } }
}

/** `mod-users-19.7.0` or `mod-users`. */
export function parsePeerName(text: string): Parsed<Pin> {
  const module = parseModule(text)
  if ('value' in module) return { value: { kind: 'module', id: text } }
  return PRODUCT.test(text)
    ? { value: { kind: 'product', product: text } }
    : { wrong: 'must be a module id as okapi-7.2.0, or a product as okapi' }
}

/** `mod-users-19.7.0`, `operator/anna` or `client/sms`. */
export function parseSubject(text: string): Parsed<Name> {
  const person = /^(operator|client)\/([a-zA-Z0-9._-]+)$/.exec(text)
  if (person !== null) {
    const kind = person[1] === 'operator' ? 'operator' : 'client'
    return { value: { kind, name: person[2]! } }
  }
  const module = parseModule(text)
  return 'value' in module
    ? { value: { kind: 'module', ...module.value } }
    : { wrong: 'must be a module id, operator/NAME or client/NAME' }
}
