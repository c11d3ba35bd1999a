import type { Context } from './context.ts'
import type { Door, Guise, KeyPair } from './door.ts'
import type { Finding } from './finding.ts'
import { type Heard, speak } from './speak.ts'
import { inconclusive } from './verdict.ts'

/** One conversation within the limits of the run; by the pass unless told otherwise. */
export function say(
  context: Context,
  bytes: Buffer,
  more: { methods?: readonly string[]; lingerMs?: number; guise?: Guise; door?: Door } = {},
): Promise<Heard> {
  const { timeoutMs, signal } = context
  const { guise = guiseOf(context.pass), door } = more
  return speak(door ?? context.target, {
    bytes,
    timeoutMs,
    signal,
    guise,
    ...(more.methods === undefined ? {} : { methods: more.methods }),
    ...(more.lingerMs === undefined ? {} : { lingerMs: more.lingerMs }),
  })
}

/** The guise of whoever holds this certificate; without one, of an outsider. */
export function guiseOf(pair: KeyPair | undefined): Guise {
  return pair === undefined ? {} : { pair }
}

/** A finding for what could not be tried. */
export function notTried(why: string): Finding {
  return { ...inconclusive(why), evidence: { sent: '[nothing]', received: '[nothing]' } }
}
