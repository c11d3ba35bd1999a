import type { PathPattern } from '../folio/path-pattern.ts'
import { PARAM, type Part, STAR } from '../folio/pattern-parts.ts'

// A segment that no descriptor spells out.
const SEGMENT = Buffer.from('-x-')
const SEGMENTS = Buffer.from('-x-/-x-')
const NOTHING = Buffer.alloc(0)

/** Paths that the pattern matches and that are as unlike any other pattern as can be. */
export function samplesOf({ parts }: PathPattern): readonly Buffer[] {
  const stars = parts.includes(STAR) ? [SEGMENTS, SEGMENT, NOTHING] : [NOTHING]
  return stars.map((star) =>
    Buffer.concat(parts.map((part) => (part === PARAM ? SEGMENT : part === STAR ? star : part))),
  )
}

const SLASH = Buffer.from('/')
/** What a `*` may stand for: nothing, with and without segments, slashes at either end. */
const FILLINGS: readonly (readonly Part[])[] = [
  [],
  [PARAM],
  [SLASH],
  [SLASH, PARAM],
  [PARAM, SLASH],
  [SLASH, PARAM, SLASH],
  [PARAM, SLASH, PARAM],
]

/** The pattern with each kind of thing in the place of its stars. */
export function shapesOf({ parts }: PathPattern): readonly (readonly Part[])[] {
  if (!parts.includes(STAR)) return [parts]
  return FILLINGS.map((filling) => parts.flatMap((part) => (part === STAR ? filling : [part])))
}
