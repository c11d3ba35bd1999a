import { type Der, oid, sequence, set, utf8 } from './der.ts'

const ATTRIBUTES = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
} as const

/** The attributes of a distinguished name, written in the order in which they are given. */
export type Name = { readonly [Attribute in keyof typeof ATTRIBUTES]?: string }

/**
 * A distinguished name in DER, every value a UTF8String: a CRL's issuer must equal the CA's subject
 * byte for byte, so there is one encoding and no choice.
 */
export function distinguishedName(name: Name): Der {
  const attributes = Object.entries(name) as [keyof typeof ATTRIBUTES, string][]
  return sequence(
    ...attributes.map(([attribute, value]) =>
      set(sequence(oid(ATTRIBUTES[attribute]), utf8(value))),
    ),
  )
}
