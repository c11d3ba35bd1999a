import { BACKSLASH, HEX, SEMICOLON, UNRESERVED } from './bytes.ts'

/**
 * What two readers of a path could understand differently, as bits (Envoy CVE-2021-29492, Istio
 * CVE-2021-31920, OPA-Envoy CVE-2026-26205, Traefik CVE-2026-40912 are all of this family). Okapi
 * matches the raw path, modules decode it. Only the path is looked at: queries are CQL and full of
 * `%2F`, `..` and `//`.
 */
export const ODD = {
  /** `//` */
  emptySegment: 1 << 0,
  /** a segment that some reader takes for `.` or `..`; never excepted */
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
  /** `%00` to `%1f` and `%7f`; never excepted */
  control: 1 << 9,
  '%3b': 1 << 10,
  '%23': 1 << 11,
  '%25': 1 << 12,
  /** A letter, a digit, `-`, `_` or `~` written with `%`; never excepted */
  unreserved: 1 << 13,
  /** Encoded bytes that are no UTF-8; never excepted */
  notUtf8: 1 << 14,
  '%3f': 1 << 15,
} as const

/** What an operator may except for one path, as `policy.pathExceptions` spells it. */
export const EXCEPTABLE: Readonly<Record<string, number>> = {
  '//': ODD.emptySegment,
  ';': ODD.semicolon,
  '%2f': ODD['%2f'],
  '%5c': ODD['%5c'],
  '%3b': ODD['%3b'],
  '%23': ODD['%23'],
  '%3f': ODD['%3f'],
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
  [ODD.control, 'an encoded control character (%00 to %1f, %7f)'],
  [ODD['%3b'], 'an encoded ; (%3b)'],
  [ODD['%23'], 'an encoded # (%23)'],
  [ODD['%3f'], 'an encoded ? (%3f)'],
  [ODD['%25'], 'an encoded % (%25)'],
  [ODD.unreserved, 'a letter, digit, -, _ or ~ written with %'],
  [ODD.notUtf8, 'encoded bytes that are not UTF-8'],
]

const SLASH = 0x2f
const DOT = 0x2e
const PERCENT = 0x25
const HASH = 0x23
const QUESTION_MARK = 0x3f

/** By byte: what is odd about it when it is written with `%`. */
const ENCODED = Uint16Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x20 || byte === 0x7f) return ODD.control
  // RFC 3986 section 6.2.2.2: the same path, spelled so that a literal route is not recognised.
  return UNRESERVED[byte] === 1 ? ODD.unreserved : 0
})
ENCODED[DOT] = ODD['%2e']
ENCODED[SLASH] = ODD['%2f']
ENCODED[BACKSLASH] = ODD['%5c']
ENCODED[SEMICOLON] = ODD['%3b']
ENCODED[HASH] = ODD['%23']
// Decoded too early, the path ends there and a query begins.
ENCODED[QUESTION_MARK] = ODD['%3f']
ENCODED[PERCENT] = ODD['%25']

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
    if (byte === SLASH) odd |= segment(bytes, i + 1, end)
    else if (byte === BACKSLASH) odd |= ODD.backslash | (segment(bytes, i + 1, end) & ODD.dots)
    else if (byte === HASH) odd |= ODD.hash
    else if (byte === SEMICOLON) odd |= ODD.semicolon
    else {
      const code = encodedByte(bytes, i, end)
      if (code >= 0x80) {
        const length = utf8Length(bytes, i, end)
        if (length === 0) odd |= ODD.notUtf8
        else i += length - 1
      } else odd |= code === -1 ? ODD.brokenPercent : percent(bytes, i, end, code)
    }
  }
  return odd
}

/** What is odd, for a person. */
export function describeOddities(odd: number): string {
  return SENTENCES.filter(([bit]) => odd & bit)
    .map(([, sentence]) => sentence)
    .join(', ')
}

/** Of an encoded byte below 0x80 at `i`. */
function percent(bytes: Uint8Array, i: number, end: number, code: number): number {
  if (code !== SLASH && code !== BACKSLASH && code !== PERCENT) return ENCODED[code]!
  // A reader that decodes, once or repeatedly, begins a new segment after it.
  const deepest = letter(bytes, i, end)
  const begins = deepest === SLASH || deepest === BACKSLASH
  return ENCODED[code]! | (begins ? segment(bytes, nextAt, end) & ODD.dots : 0)
}

/**
 * What is odd about the segment that begins at `i`, for readers that decode, that decode
 * repeatedly, and that remove `;parameters` (RFC 3986 section 3.3: Tomcat does, it reads `/..;/` as
 * `/../`).
 */
function segment(bytes: Uint8Array, i: number, end: number): number {
  if (i === end) return 0
  let byte = bytes[i]!
  if (byte === SLASH) return ODD.emptySegment
  // Most segments begin with a letter.
  if (byte !== DOT && byte !== PERCENT && byte !== SEMICOLON) return 0
  byte = letter(bytes, i, end)
  // Without its parameters it is empty.
  if (byte === SEMICOLON) return ODD.emptySegment
  if (byte !== DOT) return 0
  for (let dots = 1; dots <= 2; dots++) {
    if (nextAt >= end) return ODD.dots
    byte = letter(bytes, nextAt, end)
    if (byte !== DOT) return endsSegment(byte) ? ODD.dots : 0
  }
  return 0
}

function endsSegment(byte: number): boolean {
  return (
    byte === SLASH ||
    byte === BACKSLASH ||
    byte === SEMICOLON ||
    byte === HASH ||
    byte === QUESTION_MARK
  )
}

/** The end of the letter that `letter` read last. */
let nextAt = 0

/** The byte at `i` as a reader sees it that decodes until nothing is left to decode. */
function letter(bytes: Uint8Array, i: number, end: number): number {
  nextAt = i + 1
  let byte = bytes[i]!
  if (byte !== PERCENT) return byte
  let code = encodedByte(bytes, i, end)
  while (code !== -1) {
    byte = code
    nextAt += 2
    // What was decoded is the `%` of the next one.
    code = byte === PERCENT ? encodedByte(bytes, nextAt - 1, end) : -1
  }
  return byte
}

/** The byte that the `%` at `i` begins, -1 where two hexadecimal digits are missing. */
function encodedByte(bytes: Uint8Array, i: number, end: number): number {
  if (i + 2 >= end) return -1
  const high = HEX[bytes[i + 1]!]!
  const low = HEX[bytes[i + 2]!]!
  return high === 255 || low === 255 ? -1 : high * 16 + low
}

/**
 * The length of the percent-encoded UTF-8 character that begins at `i` with a byte of 0x80 or
 * above; 0 if it is not valid (RFC 3629 section 4). Overlong forms are why it matters: `%c0%af` is
 * a slash and `%c1%a1` an `a` to a lenient decoder, and no character at all to a strict one.
 */
function utf8Length(bytes: Uint8Array, i: number, end: number): number {
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
