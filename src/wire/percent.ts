import { HEX } from './bytes.ts'

/** The byte that the `%` at `i` begins, -1 where two hexadecimal digits are missing. */
export function encodedByte(bytes: Uint8Array, i: number, end: number): number {
  if (i + 2 >= end) return -1
  const high = HEX[bytes[i + 1]!]!
  const low = HEX[bytes[i + 2]!]!
  return high === 255 || low === 255 ? -1 : high * 16 + low
}

const PERCENT = 0x25

/**
 * How long the percent-encoded UTF-8 character is that begins at `i` with a byte of 0x80 or above; 0
 * where it is none (RFC 3629 section 4). Overlong forms are why it matters: `%c0%af` is a slash and
 * `%c1%a1` an `a` to a lenient decoder, and no character at all to a strict one.
 */
export function utf8Length(bytes: Uint8Array, i: number, end: number): number {
  const first = encodedByte(bytes, i, end)
  const more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0
  if (more === 0) return 0
  let [least, most] = secondOf(first)
  for (let k = 1; k <= more; k++) {
    const at = i + 3 * k
    const byte = bytes[at] === PERCENT ? encodedByte(bytes, at, end) : -1
    if (byte < least || byte > most) return 0
    ;[least, most] = ANY
  }
  return 3 * (more + 1)
}

const ANY: readonly [number, number] = [0x80, 0xbf]
const E0: readonly [number, number] = [0xa0, 0xbf]
/** Above are the halves of UTF-16 pairs. */
const ED: readonly [number, number] = [0x80, 0x9f]
const F0: readonly [number, number] = [0x90, 0xbf]
/** Above is no Unicode any more. */
const F4: readonly [number, number] = [0x80, 0x8f]

function secondOf(first: number): readonly [least: number, most: number] {
  if (first === 0xe0) return E0
  if (first === 0xed) return ED
  if (first === 0xf0) return F0
  return first === 0xf4 ? F4 : ANY
}
