import type { Context } from './context.ts'
import { type Heard, type Speech, speak } from './conversation.ts'
import type { Door, Guise, KeyPair } from './dial.ts'
import type { Finding } from './finding.ts'
import { inconclusive } from './verdict.ts'

/** One conversation within the limits of the run; by the pass unless told otherwise. */
export function say(
  context: Context,
  bytes: Buffer,
  more: Partial<Pick<Speech, 'methods' | 'lingerMs' | 'enough' | 'guise'>> & { door?: Door } = {},
): Promise<Heard> {
  const { timeoutMs, signal } = context
  const { door = context.target, ...rest } = more
  return speak(door, { bytes, timeoutMs, signal, guise: guiseOf(context.pass), ...rest })
}

/** The guise of whoever holds this certificate; without one, of an outsider. */
export function guiseOf(pair: KeyPair | undefined): Guise {
  return pair === undefined ? {} : { pair }
}

/** A finding for what could not be tried. */
export function notTried(why: string): Finding {
  return { ...inconclusive(why), evidence: { sent: '[nothing]', received: '[nothing]' } }
}
