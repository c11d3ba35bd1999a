import { isIPv4, isIPv6 } from 'node:net'
import { contextTag, DerError, type Element, open, readElement, TAG } from './der.ts'
import { readAscii } from './der-values.ts'
import { implicit } from './der-write.ts'

/** One entry of subjectAltName, with its type: a URI inside a DNS name is not a URI. */
export interface GeneralName {
  readonly type: 'other' | 'email' | 'dns' | 'x400' | 'directory' | 'edi' | 'uri' | 'ip' | 'id'
  readonly bytes: Uint8Array
  /** Each octet as one character, undecoded, even NUL. */
  readonly text: string
}

/** The types in the order of their tags (RFC 5280 4.2.1.6). */
const NAME_TYPES = [
  'other',
  'email',
  'dns',
  'x400',
  'directory',
  'edi',
  'uri',
  'ip',
  'id',
] as const satisfies readonly GeneralName['type'][]
/** GeneralName choices that are constructed. */
const CONSTRUCTED_NAMES: ReadonlySet<string> = new Set(['other', 'x400', 'directory', 'edi'])

/** An untrusted certificate is read to say why it is refused, so the number of its names is limited. */
const MOST_NAMES = 1000

/** Reads the value of subjectAltName. Throws a DerError, also for an empty list. */
export function readGeneralNames(value: Uint8Array): readonly GeneralName[] {
  const items = open(readElement(value), TAG.sequence)
  const names: GeneralName[] = []
  while (!items.done) {
    if (names.length === MOST_NAMES) throw new DerError('more names than any CA writes')
    names.push(readGeneralName(items.next()))
  }
  if (names.length === 0) throw new DerError('an empty subjectAltName')
  return names
}

function readGeneralName({ tag, content }: Element): GeneralName {
  const type = NAME_TYPES[tag & 0x1f]
  const form = type !== undefined && CONSTRUCTED_NAMES.has(type) ? 'constructed' : 'primitive'
  if (type === undefined || tag !== contextTag(tag & 0x1f, form)) {
    throw new DerError('a subject alternative name of no known type')
  }
  return { type, bytes: content, text: readAscii(content) }
}

/** The names of a subjectAltName by kind, each kind in the certificate's order. */
export interface NamesByKind {
  readonly uris: readonly string[]
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  /** Number of names of other kinds, which no certificate of ours has. */
  readonly others: number
}

/** Sorts names by kind; empty without a subjectAltName. */
export function namesByKind(names: readonly GeneralName[] = []): NamesByKind {
  const of = (wanted: GeneralName['type']) => names.filter(({ type }) => type === wanted)
  const uris = of('uri').map(({ text }) => text)
  const dns = of('dns').map(({ text }) => text)
  const ips = of('ip').map(({ bytes }) => addressText(bytes))
  return { uris, dns, ips, others: names.length - uris.length - dns.length - ips.length }
}

/** A name to be written; bytes instead of text are written unchanged. */
export type AlternativeName =
  | { readonly kind: 'uri' | 'dns' | 'email' | 'ip'; readonly value: string | Uint8Array }
  /** A whole GeneralName in DER, of a kind that the writer does not know. */
  | { readonly kind: 'der'; readonly value: Uint8Array }

/** A GeneralName in DER. Throws a TypeError if the text of an IP address is not one. */
export function generalName(name: AlternativeName): Uint8Array {
  if (name.kind === 'der') return name.value
  return implicit(NAME_TYPES.indexOf(name.kind), nameBytes(name.kind, name.value))
}

function nameBytes(kind: string, value: string | Uint8Array): Uint8Array {
  if (typeof value !== 'string') return value
  if (kind !== 'ip') return Buffer.from(value, 'latin1')
  const bytes = addressBytes(value)
  if (bytes === undefined) throw new TypeError(`not an IP address: ${value}`)
  return bytes
}

/**
 * The bytes of an IP address as in a certificate (RFC 5280 4.2.1.6): 4 or 16. Undefined for
 * anything else, including an address with an IPv6 zone.
 */
export function addressBytes(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head, tail] = text.split('::')
  const before = groups(head!)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(8 - before.length - after.length).fill(0)
  const bytes = Buffer.alloc(16)
  ;[...before, ...zeros, ...after].forEach((group, i) => {
    bytes.writeUInt16BE(group, i * 2)
  })
  return bytes
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a, b, c, d] = group.split('.').map(Number)
    return [a! * 256 + b!, c! * 256 + d!]
  })
}

/** The text of address bytes, IPv6 without `::`; hex where they are neither 4 nor 16. */
function addressText(bytes: Uint8Array): string {
  const view = Buffer.from(bytes)
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) return view.toString('hex')
  return Array.from({ length: 8 }, (_, i) => view.readUInt16BE(i * 2).toString(16)).join(':')
}
