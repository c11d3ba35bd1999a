import forge from 'node-forge'

const { asn1 } = forge

/** A DER value, to be put inside another one. forge only writes and splits it, it judges nothing. */
export type Der = forge.asn1.Asn1

const { Class, Type } = asn1

/** SEQUENCE. */
export function sequence(...members: readonly Der[]): Der {
  return universal(Type.SEQUENCE, true, [...members])
}

/** SET, its members in DER's order (X.690 section 11.6). */
export function set(...members: readonly Der[]): Der {
  const ordered = members.toSorted((a, b) => Buffer.compare(encode(a), encode(b)))
  return universal(Type.SET, true, ordered)
}

/** INTEGER of a small number, or of big-endian two's complement bytes. */
export function integer(value: number | Uint8Array): Der {
  const bytes = typeof value === 'number' ? asn1.integerToDer(value).getBytes() : binary(value)
  return universal(Type.INTEGER, false, bytes)
}

/** BOOLEAN; DER knows 0xff as the only true. */
export function boolean(value: boolean): Der {
  return universal(Type.BOOLEAN, false, value ? '\xff' : '\x00')
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Der {
  return universal(Type.OID, false, asn1.oidToDer(dotted).getBytes())
}

/** NULL. */
export function nothing(): Der {
  return universal(Type.NULL, false, '')
}

/** OCTET STRING. */
export function octets(bytes: Uint8Array): Der {
  return universal(Type.OCTETSTRING, false, binary(bytes))
}

/** BIT STRING; `unused` bits of the last byte do not count. */
export function bits(bytes: Uint8Array, unused = 0): Der {
  return universal(Type.BITSTRING, false, String.fromCharCode(unused) + binary(bytes))
}

/** ENUMERATED. */
export function enumerated(value: number): Der {
  return universal(Type.ENUMERATED, false, asn1.integerToDer(value).getBytes())
}

/** UTF8String. */
export function utf8(text: string): Der {
  return universal(Type.UTF8, false, binary(Buffer.from(text, 'utf8')))
}

/** BMPString: forge writes the UTF-16 itself, so the plain text goes in. */
export function bmp(text: string): Der {
  return universal(Type.BMPSTRING, false, text)
}

/**
 * A point in time as RFC 5280 section 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from
 * 2050 (and before 1950), whole seconds, Z. Throws RangeError outside the years 0 to 9999.
 */
export function time(date: Date): Der {
  const year = date.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) throw new RangeError(`no certificate can say ${String(date)}`)
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '')
  return year >= 1950 && year < 2050
    ? universal(Type.UTCTIME, false, digits.slice(2))
    : universal(Type.GENERALIZEDTIME, false, digits)
}

/** `[n]` around whole values, as EXPLICIT tags and constructed IMPLICIT ones are written. */
export function tagged(tag: number, ...members: readonly Der[]): Der {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, [...members])
}

/** `[n]` in place of a primitive's own tag. */
export function implicit(tag: number, bytes: Uint8Array): Der {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, binary(bytes))
}

/** The bytes of a value. */
export function encode(value: Der): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'binary')
}

/** Splits bytes that hold exactly one DER value; throws on anything else. */
export function decode(bytes: Uint8Array): Der {
  return asn1.fromDer(binary(bytes), true)
}

/** The members of a constructed value; throws when it is none. */
export function members(value: Der | undefined): readonly Der[] {
  if (value === undefined || typeof value.value === 'string') throw new Error('not a DER sequence')
  return value.value
}

/** The contents of a primitive value; throws when it is none. */
export function contents(value: Der | undefined): Buffer {
  if (value === undefined || typeof value.value !== 'string') throw new Error('not a DER primitive')
  return Buffer.from(value.value, 'binary')
}

/** The dotted form of an OBJECT IDENTIFIER; throws when the value is none. */
export function dotted(value: Der | undefined): string {
  if (value === undefined || !isUniversal(value, Type.OID)) throw new Error('not a DER object id')
  return asn1.derToOid(forge.util.createBuffer(contents(value).toString('binary')))
}

/** The instant that a UTCTime or GeneralizedTime says; throws when the value is neither. */
export function timeOf(value: Der | undefined): Date {
  const text = contents(value).toString('latin1')
  if (value !== undefined && isUniversal(value, Type.UTCTIME)) return asn1.utcTimeToDate(text)
  if (value !== undefined && isUniversal(value, Type.GENERALIZEDTIME)) {
    return asn1.generalizedTimeToDate(text)
  }
  throw new Error('not a DER time')
}

/** Whether the value carries the context tag `[n]`. */
export function isTagged(value: Der | undefined, tag: number): value is Der {
  return value !== undefined && value.tagClass === Class.CONTEXT_SPECIFIC && value.type === tag
}

/** The bytes of a BIT STRING without its count of unused bits; throws when the value is none. */
export function bitContents(value: Der | undefined): Buffer {
  if (value === undefined || !isUniversal(value, Type.BITSTRING)) throw new Error('not DER bits')
  // forge looks into bit strings for nested values; writing the value again gives the bytes back.
  const whole = encode(value)
  const header = whole[1]! < 0x80 ? 2 : 2 + (whole[1]! & 0x7f)
  return whole.subarray(header + 1)
}

function isUniversal(value: Der, type: forge.asn1.Type): boolean {
  return value.tagClass === Class.UNIVERSAL && value.type === type
}

function universal(type: forge.asn1.Type, constructed: boolean, value: string | Der[]): Der {
  return asn1.create(Class.UNIVERSAL, type, constructed, value)
}

function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('binary')
}
