/**
 * A version as Okapi reads it (okapi-common SemVer.java): one or more numbers, then `-pre.rel`, then `+meta`, which
 * has no meaning here.
 */
export interface SemVer {
  /** Decimal digits, leading zeros kept; at most 18 each. */
  readonly numbers: readonly string[]
  readonly preRelease: readonly string[]
}

const MAX_DIGITS = 18

/** Reads a whole text; undefined where Okapi would throw. Digits are ASCII only here. */
export function parseSemVer(text: string): SemVer | undefined {
  const plus = text.indexOf('+')
  const beforeMeta = plus < 0 ? text : text.slice(0, plus)
  const dash = beforeMeta.indexOf('-')
  const numbers = (dash < 0 ? beforeMeta : beforeMeta.slice(0, dash)).split('.')
  if (!numbers.every((part) => isNumber(part) && part.length <= MAX_DIGITS)) return undefined
  const preRelease = dash < 0 ? [] : beforeMeta.slice(dash + 1).split('.')
  if (preRelease.includes('')) return undefined
  return { numbers, preRelease }
}

/** -1, 0 or 1; a version without pre-release is the newer one. */
export function comparePreRelease(a: SemVer, b: SemVer): number {
  const [x, y] = [a.preRelease, b.preRelease]
  if (x.length === 0 || y.length === 0) return Math.sign(y.length - x.length)
  const common = Math.min(x.length, y.length)
  for (let i = 0; i < common; i++) {
    const order = comparePart(x[i]!, y[i]!)
    if (order !== 0) return order
  }
  return Math.sign(x.length - y.length)
}

/** -1, 0 or 1; numbers by value and before words, words by code unit. */
export function comparePart(a: string, b: string): number {
  const [x, y] = [isNumber(a), isNumber(b)]
  if (x !== y) return x ? -1 : 1
  return x ? compareDigits(a, b) : compareText(a, b)
}

function compareDigits(a: string, b: string): number {
  const [x, y] = [withoutZeros(a), withoutZeros(b)]
  return x.length === y.length ? compareText(x, y) : Math.sign(x.length - y.length)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function withoutZeros(digits: string): string {
  let i = 0
  while (i < digits.length - 1 && digits[i] === '0') i++
  return digits.slice(i)
}

function isNumber(text: string): boolean {
  if (text === '') return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}
