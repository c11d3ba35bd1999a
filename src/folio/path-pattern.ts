import { type Meter, PARAM, type PatternPart, STAR, simulate } from './pattern-states.ts'

/** A parsed `pathPattern`. */
export interface PathPattern {
  readonly text: string
  readonly parts: readonly PatternPart[]
  /**
   * Length in bytes of the key of its bucket (okapi-core ModuleCache.getPatternPrefix):
   * the whole pattern where nothing varies, else up to the last `/` before the first `{` or `*`.
   * 0: Okapi's lookup never finds it.
   */
  readonly bucketBytes: number
}

// okapi-core RoutingEntry.INVALID_PATH_CHARS; braces only as `{name}`.
const INVALID = '\\%+{}()[].;:=?@#^$"\' '
/**
 * Characters that a path can spell differently from a pattern. Of escapes for ASCII, `%41` is refused in paths,
 * `%26` is not (RFC 3986 section 2.3). Non-ASCII letters always come with `%`, in upper or lower case, composed
 * or not: a literal never matches, and another route takes what the module serves as this one.
 */
const OTHER_SPELLINGS = /[!&,<>|`\x7f-\uffff]/
const SLASH = 0x2f
/** No request line that Okapi reads is longer than 8192 bytes; real patterns have some 100. */
const MAX_PATTERN = 2048
/** Each star costs a test of every byte of a request; real patterns have one or two. */
const MAX_STARS = 16

/** Reads a pattern; a text says why Okapi would refuse it (RoutingEntry.setPathPattern). */
export function parsePathPattern(text: string): PathPattern | string {
  if (text.length > MAX_PATTERN) return `a pathPattern has at most ${MAX_PATTERN} characters`
  if (text.split('*').length > MAX_STARS + 1) return `a pathPattern has at most ${MAX_STARS} \`*\``
  const parts: PatternPart[] = []
  let bucketBytes = -1
  let literal = ''
  let before = ''
  const flush = () => {
    if (literal !== '') parts.push(Buffer.from(literal))
    literal = ''
  }
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char !== '{' && char !== '*') {
      if (INVALID.includes(char)) return `${named(char)} is not allowed in a pathPattern`
      const wrong = otherSpelling(char)
      if (wrong !== undefined) return wrong
      literal += char
      before += char
      continue
    }
    if (bucketBytes < 0)
      bucketBytes = Buffer.byteLength(before.slice(0, before.lastIndexOf('/') + 1))
    flush()
    parts.push(char === '{' ? PARAM : STAR)
    if (char === '{') {
      const close = text.indexOf('}', i)
      const wrong = nameFault(close < 0 ? text.slice(i + 1) : text.slice(i + 1, close), close)
      if (wrong !== undefined) return wrong
      i = close
    }
  }
  flush()
  return { text, parts, bucketBytes: bucketBytes < 0 ? Buffer.byteLength(text) : bucketBytes }
}

/** Why a text cannot be used literally in a route; undefined if it can. */
export function otherSpelling(text: string): string | undefined {
  const [char] = OTHER_SPELLINGS.exec(text) ?? []
  if (char === undefined) return undefined
  if (char < '\x7f') return `${named(char)} in a pathPattern has two spellings in a path`
  return 'a letter outside ASCII in a pathPattern is never found: a path has it as %C3%A4'
}

/** The legacy `path`: a prefix of everything that begins with it, in the bucket `/`. */
export function legacyPath(path: string): PathPattern {
  return { text: `${path}*`, parts: [Buffer.from(path), STAR], bucketBytes: 1 }
}

/** `rewritePath`: text that Okapi puts before the path of the request. */
export function withPrefix(prefix: string, pattern: PathPattern): PathPattern {
  return {
    text: prefix + pattern.text,
    parts: [Buffer.from(prefix), ...pattern.parts],
    bucketBytes: pattern.bucketBytes === 0 ? 0 : pattern.bucketBytes + Buffer.byteLength(prefix),
  }
}

/** A pattern of exactly this text; nothing in it is special. */
export function literalPath(text: string): PathPattern {
  return { text, parts: [Buffer.from(text)], bucketBytes: Buffer.byteLength(text) }
}

/**
 * Does the pattern match all of the raw bytes, as in RoutingEntry.fastMatch? Nothing is decoded or
 * case-folded. Time is linear in the bytes; for a `*` followed by more than a literal, linear in bytes
 * times pattern.
 */
export function matchPattern(
  parts: readonly PatternPart[],
  bytes: Uint8Array,
  start: number,
  end: number,
  meter: Meter,
): boolean {
  let at = start
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    if (part === STAR) return matchAfterStar(parts.slice(i + 1), bytes, at, end, meter)
    if (part === PARAM) {
      const slash = endOfSegment(bytes, at, end)
      meter.visited += slash - at
      if (slash === at) return false
      at = slash
    } else {
      meter.visited += part.length
      if (!startsWith(part, bytes, at, end)) return false
      at += part.length
    }
  }
  return at === end
}

/** The position of the next `/`, or `end`. */
export function endOfSegment(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] !== SLASH) at++
  return at
}

/** Do the bytes from `at` begin with `literal`, before `end`? */
export function startsWith(
  literal: Uint8Array,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  if (literal.length > end - at) return false
  for (let i = 0; i < literal.length; i++) {
    if (bytes[at + i] !== literal[i]) return false
  }
  return true
}

/** Matches what follows a `*`: nothing, a literal end, or anything else by a set of states. */
function matchAfterStar(
  rest: readonly PatternPart[],
  bytes: Uint8Array,
  start: number,
  end: number,
  meter: Meter,
): boolean {
  const [only] = rest
  if (only === undefined) return true
  if (rest.length === 1 && typeof only !== 'number') {
    meter.visited += only.length
    return end - only.length >= start && startsWith(only, bytes, end - only.length, end)
  }
  return simulate([STAR, ...rest], bytes, start, end, meter)
}

function named(char: string): string {
  return char === ' ' ? 'a blank' : `the character ${char}`
}

function nameFault(name: string, close: number): string | undefined {
  for (const char of name) {
    if (char === '/' || INVALID.includes(char)) {
      return `${named(char)} is not allowed inside {} of a pathPattern`
    }
  }
  return close < 0 ? 'a { of the pathPattern is not closed' : undefined
}
