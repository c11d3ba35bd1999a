import { DerError, type Element, TAG } from './der.ts'

/** An INTEGER of any size. */
export interface BigInteger {
  /** Lower-case hex of the content without the padding octet of a positive number. */
  readonly hex: string
  /** Octets of the content as encoded (RFC 5280 4.1.2.2 counts these for serial numbers). */
  readonly octets: number
  readonly sign: -1 | 0 | 1
}

/** The content of an element that must carry this tag. */
export function contentOf(element: Element, tag: number): Uint8Array {
  if (element.tag !== tag) throw new DerError('another type belongs here')
  return element.content
}

/** X.690 8.3: two's complement in the fewest octets. */
export function readInteger(element: Element): BigInteger {
  const content = contentOf(element, TAG.integer)
  const [first, second] = content
  if (first === undefined) throw new DerError('an INTEGER without content')
  if (second !== undefined) {
    const padded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)
    if (padded) throw new DerError('an INTEGER not in the fewest octets')
  }
  const magnitude = first === 0 && second !== undefined ? content.subarray(1) : content
  const sign = first >= 0x80 ? -1 : content.length === 1 && first === 0 ? 0 : 1
  return { hex: hex(magnitude), octets: content.length, sign }
}

/** An INTEGER that fits a small non-negative number, such as a version or a path length. */
export function readSmallInteger(element: Element): number {
  const value = readInteger(element)
  if (value.sign === -1 || value.octets > 4) throw new DerError('an INTEGER out of range')
  return Number.parseInt(value.hex, 16)
}

/** X.690 11.1: false is 0x00, true is 0xff. */
export function readBoolean(element: Element): boolean {
  const content = contentOf(element, TAG.boolean)
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
    throw new DerError('a BOOLEAN that is neither 0x00 nor 0xff')
  }
  return content[0] === 0xff
}

/** A BIT STRING of whole octets: keys and signatures. */
export function readOctetAlignedBits(element: Element): Uint8Array {
  const { unused, bytes } = readBits(element)
  if (unused !== 0) throw new DerError('a BIT STRING that does not end on an octet')
  return bytes
}

/** A BIT STRING of named flags: which bits are set, bit 0 first. */
export function readFlags(element: Element): ReadonlySet<number> {
  const { bytes } = readBits(element)
  const set = new Set<number>()
  // Longer than any existing set of flags; a longer, hostile one is not read.
  if (bytes.length > 8) throw new DerError('too many flags')
  for (const [index, octet] of bytes.entries()) {
    for (let bit = 0; bit < 8; bit++) if (octet & (0x80 >> bit)) set.add(index * 8 + bit)
  }
  return set
}

/** X.690 11.2: unused bits are zero. */
function readBits(element: Element): { unused: number; bytes: Uint8Array } {
  const content = contentOf(element, TAG.bitString)
  const unused = content[0]
  if (unused === undefined || unused > 7) throw new DerError('a BIT STRING without a valid start')
  const bytes = content.subarray(1)
  const last = bytes.at(-1)
  if (last === undefined ? unused !== 0 : (last & ((1 << unused) - 1)) !== 0) {
    throw new DerError('a BIT STRING whose unused bits are set')
  }
  return { unused, bytes }
}

/** An OBJECT IDENTIFIER in dots (X.690 8.19). */
export function readOid(element: Element): string {
  const content = contentOf(element, TAG.oid)
  if (content.length === 0 || content.length > 64) throw new DerError('an OID of impossible length')
  const arcs: number[] = []
  let value = 0
  let fresh = true
  for (const octet of content) {
    if (fresh && octet === 0x80) throw new DerError('an OID arc not in the fewest octets')
    value = value * 128 + (octet & 0x7f)
    if (!Number.isSafeInteger(value)) throw new DerError('an OID arc out of range')
    fresh = octet < 0x80
    if (!fresh) continue
    if (arcs.length === 0) {
      const root = Math.min(2, Math.floor(value / 40))
      arcs.push(root, value - root * 40)
    } else {
      arcs.push(value)
    }
    value = 0
  }
  if (!fresh) throw new DerError('an OID that is cut off')
  return arcs.join('.')
}

/**
 * UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 allows them (seconds, `Z`, no fraction), in
 * milliseconds since the epoch.
 */
export function readTime(element: Element): number {
  const text = readAscii(element.content)
  const form =
    element.tag === TAG.utcTime
      ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
      : element.tag === TAG.generalizedTime
        ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
        : undefined
  const parts = form?.exec(text)?.slice(1).map(Number)
  if (parts === undefined) throw new DerError('not a time of RFC 5280')
  const [written, month, day, hour, minute, second] = parts as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  // RFC 5280 4.1.2.5.1: two digits below 50 are of this century.
  const year = element.tag === TAG.utcTime ? written + (written < 50 ? 2000 : 1900) : written
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  const same =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  if (!same) throw new DerError('a time that does not exist')
  return date.getTime()
}

/** Each octet as the character with the same code; nothing is decoded or lost. */
export function readAscii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
