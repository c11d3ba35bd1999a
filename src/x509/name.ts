import { DerError, type Element, open, TAG } from './der.ts'
import { hex, readOid } from './der-values.ts'
import { oid, sequence, set, utf8 } from './der-write.ts'

/** A distinguished name. Compared by its bytes; the text is for people only. */
export interface DistinguishedName {
  /** Lower-case hex of the DER: names are equal only if this is equal. */
  readonly key: string
  /** `CN=root1, O=Example`, visible characters only, cut to a line's length. */
  readonly text: string
  readonly empty: boolean
}

const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
}

const MAX_TEXT_LENGTH = 200
const MOST_PARTS = 64

/** Reads `Name` (RFC 5280 4.1.2.4). Throws a DerError. */
export function readName(element: Element): DistinguishedName {
  const sets = open(element, TAG.sequence)
  const parts: string[] = []
  const empty = sets.done
  while (!sets.done) {
    const attributes = open(sets.next(), TAG.set)
    if (attributes.done) throw new DerError('an empty part of a name')
    while (!attributes.done) {
      if (parts.length === MOST_PARTS) throw new DerError('a name of more parts than any CA writes')
      parts.push(readAttribute(attributes.next()))
    }
  }
  const text = parts.join(', ')
  return { key: hex(element.raw), text: text.slice(0, MAX_TEXT_LENGTH), empty }
}

function readAttribute(element: Element): string {
  const fields = open(element, TAG.sequence)
  const id = readOid(fields.next())
  const value = fields.next()
  fields.end()
  return `${SHORT_NAMES[id] ?? id}=${printable(value.content)}`
}

/** Text from a certificate goes into logs and terminals: no control characters, no look-alikes. */
function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '?')
}

const ATTRIBUTES = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
} as const

/** The attributes of a distinguished name, written in the order in which they are given. */
export type Name = { readonly [Attribute in keyof typeof ATTRIBUTES]?: string }

/**
 * A distinguished name in DER, every value a UTF8String: a CRL's issuer must equal the CA's subject
 * byte for byte, so there is only one encoding.
 */
export function distinguishedName(name: Name): Buffer {
  const attributes = Object.entries(name) as [keyof typeof ATTRIBUTES, string][]
  return sequence(
    ...attributes.map(([attribute, value]) =>
      set(sequence(oid(ATTRIBUTES[attribute]), utf8(value))),
    ),
  )
}
