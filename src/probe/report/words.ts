import type { Outcome } from '../finding.ts'
import { count, type Run } from '../result.ts'

/** How a person says an outcome. */
export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  'got-through': 'got through',
  inconclusive: 'inconclusive',
  blocked: 'blocked',
}

/** What a run came to, and how bad that is. */
export interface Conclusion {
  readonly kind: 'good' | 'open' | 'bad'
  readonly sentence: string
}

/** The one sentence that a report begins or ends with. */
export function conclusion(run: Run): Conclusion {
  const { 'got-through': through, inconclusive } = count(run)
  const all = run.results.length
  if (through > 0)
    return { kind: 'bad', sentence: `Yes: ${through} of ${all} attacks got through.` }
  if (all === 0) return { kind: 'open', sentence: 'Nobody knows: no attack was tried.' }
  if (inconclusive === 0) return { kind: 'good', sentence: `No: all ${all} attacks were blocked.` }
  const sentence = `Nothing got through, but ${inconclusive} of ${all} attacks could not be judged.`
  return { kind: 'open', sentence }
}

/** As whom the target was called. */
export function callers(run: Run): string {
  const names = run.controls.flatMap(({ as }) => (as === null ? [] : [as]))
  return names.length === 0
    ? 'an outsider, without any certificate'
    : [...new Set(names)].join(', ')
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
