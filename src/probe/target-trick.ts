import type { Attack } from './attack.ts'
import type { Context } from './context.ts'
import { send } from './conversation.ts'
import { findingOf } from './finding.ts'
import { honest, request } from './http.ts'

/** What one trick with the request target adds to the common attack. */
export interface TargetTrick {
  readonly id: string
  readonly title: string
  readonly against?: 'module' | 'okapi'
  target(context: Context): string
}

/** A GET whose target two readers understand differently. */
export function targetTrick({ target, ...spec }: TargetTrick): Attack {
  return {
    ...spec,
    group: 'target',
    meaning: 'The allow-list judges one path, the module serves another.',
    judged: 'Any answer but a refusal means that the target was taken as it is and passed on.',
    remedy: 'Refuse ambiguous targets before anything is matched, and forward the bytes judged.',
    async run(context) {
      const bytes = request({ target: target(context), lines: honest(context) })
      return findingOf(await send(context, bytes))
    },
  }
}
