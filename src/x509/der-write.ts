import { contextTag, TAG } from './der.ts'

/** An element from its tag and the bytes of its content, the length in the fewest octets. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const length: number[] = []
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256)
  const header = body.length < 0x80 ? [body.length] : [0x80 | length.length, ...length]
  return Buffer.concat([Buffer.from([tag, ...header]), body])
}

/** SEQUENCE of whole elements. */
export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(TAG.sequence, ...items)
}

/** SET, its members in DER's order (X.690 11.6). */
export function set(...items: readonly Uint8Array[]): Buffer {
  return element(TAG.set, ...items.toSorted(Buffer.compare))
}

/** INTEGER of a number from 0 on, or of big-endian two's complement bytes. */
export function integer(value: number | Uint8Array): Buffer {
  return element(TAG.integer, fewestOctets(typeof value === 'number' ? unsigned(value) : value))
}

/** ENUMERATED. */
export function enumerated(value: number): Buffer {
  return element(TAG.enumerated, unsigned(value))
}

function unsigned(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a number: ${value}`)
  const hex = value.toString(16)
  return positive(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}

/** The content of a positive INTEGER: a first bit of one would make it negative. */
export function positive(magnitude: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc((magnitude[0] ?? 0) >= 0x80 ? 1 : 0), magnitude])
}

/** X.690 8.3.2: the first nine bits are never all the same. */
function fewestOctets(content: Uint8Array): Uint8Array {
  const [first, second] = content
  if (first === undefined || second === undefined) return content
  const padded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)
  return padded ? fewestOctets(content.subarray(1)) : content
}

/** BOOLEAN; DER has 0xff as the only true. */
export function boolean(value: boolean): Buffer {
  return element(TAG.boolean, Buffer.of(value ? 0xff : 0))
}

/** NULL. */
export function nothing(): Buffer {
  return element(TAG.null)
}

/** OBJECT IDENTIFIER from its dotted form (X.690 8.19). */
export function oid(dotted: string): Buffer {
  const [root = 0, second = 0, ...arcs] = dotted.split('.').map(Number)
  return element(TAG.oid, Buffer.from([root * 40 + second, ...arcs].flatMap(base128)))
}

function base128(arc: number): number[] {
  const octets = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    octets.unshift(0x80 | (rest % 128))
  }
  return octets
}

/** OCTET STRING. */
export function octets(bytes: Uint8Array): Buffer {
  return element(TAG.octetString, bytes)
}

/** BIT STRING; `unused` bits of the last octet do not count. */
export function bits(bytes: Uint8Array, unused = 0): Buffer {
  return element(TAG.bitString, Buffer.of(unused), bytes)
}

/** UTF8String. */
export function utf8(text: string): Buffer {
  return element(TAG.utf8String, Buffer.from(text, 'utf8'))
}

/** `[number]` around whole elements, as EXPLICIT tags and constructed IMPLICIT ones are written. */
export function tagged(number: number, ...items: readonly Uint8Array[]): Buffer {
  return element(contextTag(number, 'constructed'), ...items)
}

/** `[number]` in place of a primitive's own tag. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return element(contextTag(number, 'primitive'), content)
}

/**
 * A point in time as RFC 5280 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050 (and
 * before 1950), whole seconds, `Z`. Throws a RangeError outside the years 0 to 9999.
 */
export function time(date: Date): Buffer {
  const year = date.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) throw new RangeError(`no certificate can say ${String(date)}`)
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
  return year >= 1950 && year < 2050
    ? element(TAG.utcTime, Buffer.from(digits.slice(2)))
    : element(TAG.generalizedTime, Buffer.from(digits))
}
