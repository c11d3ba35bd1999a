import type { Opening } from '../../policy/opening.ts'
import type { Headline } from './matrix-text.ts'
export function matrixPage(_openings: readonly Opening[], _headline: Headline): string {
  return ''
}
