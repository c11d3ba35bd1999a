import { BACKSLASH, HEX, SEMICOLON } from './bytes.ts'

/**
 * What two readers of a path could understand differently, as bits (Envoy CVE-2021-29492, Istio
 * CVE-2021-31920, OPA-Envoy CVE-2026-26205, Traefik CVE-2026-40912 are all of this family). Okapi
 * matches the raw path, modules decode it. Only the path is looked at: queries are CQL and full of
 * `%2F`, `..` and `//`.
 */
export const ODD = {
  /** `//` */
  emptySegment: 1 << 0,
  /** a segment `.` or `..`; never excepted */
  dots: 1 << 1,
  /** `\` */
  backslash: 1 << 2,
  /** `#` */
  hash: 1 << 3,
  /** `;` */
  semicolon: 1 << 4,
  /** `%` without two hexadecimal digits behind it; never excepted */
  brokenPercent: 1 << 5,
  '%2e': 1 << 6,
  '%2f': 1 << 7,
  '%5c': 1 << 8,
  '%00': 1 << 9,
  '%3b': 1 << 10,
  '%23': 1 << 11,
  '%25': 1 << 12,
} as const

/** What an operator may except for one path, as `policy.pathExceptions` spells it. */
export const EXCEPTABLE: Readonly<Record<string, number>> = {
  '//': ODD.emptySegment,
  '\\': ODD.backslash,
  '#': ODD.hash,
  ';': ODD.semicolon,
  '%2e': ODD['%2e'],
  '%2f': ODD['%2f'],
  '%5c': ODD['%5c'],
  '%00': ODD['%00'],
  '%3b': ODD['%3b'],
  '%23': ODD['%23'],
  '%25': ODD['%25'],
}

const SENTENCES: readonly (readonly [bit: number, sentence: string])[] = [
  [ODD.emptySegment, 'an empty segment (//)'],
  [ODD.dots, 'a segment . or ..'],
  [ODD.backslash, 'a backslash'],
  [ODD.hash, 'a #'],
  [ODD.semicolon, 'a ;'],
  [ODD.brokenPercent, 'a % without two hexadecimal digits'],
  [ODD['%2e'], 'an encoded dot (%2e)'],
  [ODD['%2f'], 'an encoded slash (%2f)'],
  [ODD['%5c'], 'an encoded backslash (%5c)'],
  [ODD['%00'], 'an encoded NUL (%00)'],
  [ODD['%3b'], 'an encoded ; (%3b)'],
  [ODD['%23'], 'an encoded # (%23)'],
  [ODD['%25'], 'an encoded % (%25)'],
]

const ENCODED = new Uint16Array(256)
ENCODED[0x2e] = ODD['%2e']
ENCODED[0x2f] = ODD['%2f']
ENCODED[0x5c] = ODD['%5c']
ENCODED[0x00] = ODD['%00']
ENCODED[0x3b] = ODD['%3b']
ENCODED[0x23] = ODD['%23']
ENCODED[0x25] = ODD['%25']

/** 1 where a byte of a path needs a second look. */
const NOTABLE = Uint8Array.from({ length: 256 }, (_, byte) =>
  '/\\#;%'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

/** The bits of ODD for the path in [start, end), which begins with `/` and ends before any `?`. */
export function oddities(bytes: Uint8Array, start: number, end: number): number {
  let odd = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (NOTABLE[byte] === 0) continue
    if (byte === 0x2f) odd |= afterSlash(bytes, i + 1, end)
    else if (byte === BACKSLASH) odd |= ODD.backslash
    else if (byte === 0x23) odd |= ODD.hash
    else if (byte === SEMICOLON) odd |= ODD.semicolon
    else odd |= percent(bytes, i, end)
  }
  return odd
}

/** What is odd, for a person. */
export function describeOddities(odd: number): string {
  return SENTENCES.filter(([bit]) => odd & bit)
    .map(([, sentence]) => sentence)
    .join(', ')
}

function afterSlash(bytes: Uint8Array, i: number, end: number): number {
  const byte = bytes[i]
  if (i === end) return 0
  if (byte === 0x2f) return ODD.emptySegment
  if (byte !== 0x2e) return 0
  const next = bytes[i + 1]
  if (i + 1 === end || next === 0x2f) return ODD.dots
  if (next !== 0x2e) return 0
  return i + 2 === end || bytes[i + 2] === 0x2f ? ODD.dots : 0
}

function percent(bytes: Uint8Array, i: number, end: number): number {
  if (i + 2 >= end) return ODD.brokenPercent
  const high = HEX[bytes[i + 1]!]!
  const low = HEX[bytes[i + 2]!]!
  if (high === 255 || low === 255) return ODD.brokenPercent
  return ENCODED[high * 16 + low]!
}
