import { randomInt } from 'node:crypto'

/** Tables over single bytes (RFC 9110 section 5.6.2, RFC 9112): 1 if the byte is allowed. */
export const TOKEN = table(
  "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
)

/** Characters that a path may contain unencoded, in any position (RFC 3986 section 2.3). */
export const UNRESERVED = table(
  '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
)

/** What a field value may hold: HTAB, SP, visible ASCII, obs-text. No other control character. */
export const VALUE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === 0x09 || (byte >= 0x20 && byte !== 0x7f) ? 1 : 0,
)

/** Visible ASCII, 0x21 to 0x7e: the only bytes allowed in a request target. */
export const VISIBLE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte > 0x20 && byte < 0x7f ? 1 : 0,
)

/** ASCII lower case, and `_` as `-`: some servers read the two alike, so look-ups must. */
export const FOLD = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte === 0x5f ? 0x2d : byte,
)

/** Value of a hexadecimal digit, 255 for every other byte. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(digit) ? 255 : digit
})

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const SEMICOLON = 0x3b
export const EQUALS = 0x3d
export const BACKSLASH = 0x5c
export const UNDERSCORE = 0x5f

/** The bytes of an ASCII text that our own code wrote. */
export function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** Is [start, end) this lower-case ASCII word, whatever its case? */
export function isWord(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[start + i]!
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== word[i]) return false
  }
  return true
}

/** Do [start, end) and [otherStart, otherEnd) hold names that could be read alike? */
export function sameFolded(
  bytes: Uint8Array,
  start: number,
  end: number,
  otherStart: number,
  otherEnd: number,
): boolean {
  if (end - start !== otherEnd - otherStart) return false
  for (let i = 0; i < end - start; i++) {
    if (FOLD[bytes[start + i]!] !== FOLD[bytes[otherStart + i]!]) return false
  }
  return true
}

function table(characters: string): Uint8Array {
  const bytes = new Uint8Array(256)
  for (const character of characters) bytes[character.charCodeAt(0)] = 1
  return bytes
}

/** They are secret, so that a peer cannot construct names with the same hash. */
const SEED = randomInt(2 ** 31)
const FACTOR = 2 * randomInt(2 ** 30) + 1

/** Of a field name, whatever its case: names whose hashes differ are different (FNV-1a, with a seed). */
export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = SEED
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ FOLD[bytes[i]!]!, FACTOR)
  return hash
}
