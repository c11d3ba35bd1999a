import { isTlsError, saidBy } from '../../fault.ts'
import type { LinkEnding } from '../../refusal/link-endings.ts'
import { FLOODED, isFlood } from '../../refusal/record-overhead.ts'
import type { WireSettings } from '../face.ts'

/** How a link ends whose socket is destroyed with this error, and more about it. */
export function endingOf(error: Error): [ending: LinkEnding, detail: string] {
  if (isFlood(error)) return ['too-much-noise', FLOODED.because]
  return [isTlsError(error) ? 'broken' : 'lost', saidBy(error)]
}

/** Counts the limit that such a detail tells of. */
export function tellLimit(detail: string, { limitHit }: WireSettings): void {
  if (detail === FLOODED.because) limitHit?.('recordOverheadBytesPerSecond')
}
