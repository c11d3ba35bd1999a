import type { PathPattern } from '../folio/path-pattern.ts'
import { PARAM, STAR } from '../folio/pattern-parts.ts'

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
