/** A DER writer for the tests, on purpose independent of everything under src/. */

/** Identifier, length in the fewest octets, content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const length: number[] = []
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256)
  const header = body.length < 0x80 ? [body.length] : [0x80 | length.length, ...length]
  return Buffer.concat([Buffer.from([tag, ...header]), body])
}

export const sequence = (...items: readonly Uint8Array[]) => der(0x30, ...items)
export const set = (...items: readonly Uint8Array[]) => der(0x31, ...items)
export const octets = (content: Uint8Array) => der(0x04, content)
export const boolean = (value: boolean) => der(0x01, Buffer.from([value ? 0xff : 0]))
export const utf8 = (text: string) => der(0x0c, Buffer.from(text))
export const bits = (content: Uint8Array, unused = 0) =>
  der(0x03, Buffer.concat([Buffer.from([unused]), content]))
/** `[number]`, constructed around what is given. */
export const explicit = (number: number, ...items: readonly Uint8Array[]) =>
  der(0xa0 | number, ...items)
/** `[number]`, primitive. */
export const implicit = (number: number, content: Uint8Array) => der(0x80 | number, content)

/** A non-negative INTEGER. */
export function integer(value: number | bigint): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')
  return der(0x02, bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const arcs = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) {
      groups.unshift((high & 0x7f) | 0x80)
    }
    return groups
  })
  return der(0x06, Buffer.from(arcs))
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5). */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(text.slice(2)))
    : der(0x18, Buffer.from(text))
}

/** A flag set: the numbers of the bits, bit 0 first. */
export function flags(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(Math.floor(Math.max(0, ...numbers) / 8) + 1)
  for (const number of numbers) bytes[number >> 3]! |= 0x80 >> (number & 7)
  const last = bytes.at(-1)!
  const unused = last === 0 ? 0 : Math.log2(last & -last)
  return bits(bytes, unused)
}

export function pem(label: string, content: Uint8Array): string {
  const base64 = Buffer.from(content).toString('base64')
  return `-----BEGIN ${label}-----\n${base64.match(/.{1,64}/g)!.join('\n')}\n-----END ${label}-----\n`
}
