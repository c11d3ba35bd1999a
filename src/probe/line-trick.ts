import type { Attack, Need } from './attack.ts'
import type { Context } from './context.ts'
import { send } from './conversation.ts'
import { findingOf } from './finding.ts'
import { honest, type Lines, request } from './http.ts'

/** What one trick with header lines adds to the common attack. */
export interface LineTrick {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  readonly needs?: readonly Need[]
  readonly against?: 'module' | 'okapi'
  /** Behind the honest lines; or in their place, where it takes them. */
  lines(context: Context, honest: Lines): Lines
}

/** An ordinary call with lines that nobody may send, or that two readers understand differently. */
export function lineTrick({ lines, ...spec }: LineTrick): Attack {
  return {
    ...spec,
    group: 'headers',
    judged: 'The call is otherwise ordinary, so any answer but a refusal means that it went on.',
    async run(context) {
      const bytes = request({
        target: context.ordinaryPath,
        lines: lines(context, honest(context)),
      })
      return findingOf(await send(context, bytes))
    },
  }
}

/** A line that only Okapi may say, forged by a module. */
export function forgedLine(
  name: string,
  value: string,
  meaning: string,
  id = `forged-${name.toLowerCase().replace(/^x-(?:okapi-)?/, '')}`,
): Attack {
  return lineTrick({
    id,
    title: `a forged ${name}`,
    meaning,
    remedy: `Refuse ${name} from modules; only Okapi and its auth filter may say it.`,
    needs: ['credentials'],
    against: 'okapi',
    lines: (_context, honestLines) => [...honestLines, [name, value]],
  })
}
