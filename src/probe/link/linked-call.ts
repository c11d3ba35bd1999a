import type { Attack, Need } from '../attack.ts'
import type { Context } from '../context.ts'
import type { PemPair } from '../dial.ts'
import { evidence } from '../evidence.ts'
import { blocked, findingOf, gotThrough } from '../finding.ts'
import { notThere } from './broken-link.ts'
import { FLAG, frame, PING, TYPE } from './frames.ts'
import { answerTo, headsOf, talk, wasReset } from './talk.ts'

/** What one forbidden exchange on a link adds to the common attack. */
export interface LinkedCall {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  readonly needs?: readonly Need[]
  /** Whose certificate; that of the pass unless given. */
  pair?(context: Context): PemPair | undefined
  /** Head and body of the exchange that is judged. */
  message(context: Context): { readonly head: Buffer; readonly body?: string }
  /** An honest exchange that goes before on the same link. */
  before?(context: Context): Buffer
}

const HONEST = 1
const ROGUE = 3

/** A call on a link that nobody may make, whatever else the link carries. */
export function linkedCall({ pair, message, before, ...spec }: LinkedCall): Attack {
  return {
    ...spec,
    group: 'link',
    judged: 'Any answer but a refusal, or more answers than exchanges.',
    async run(context) {
      const { head, body } = message(context)
      const flags = body === undefined ? FLAG.end : 0
      const honest = before?.(context)
      const bytes = Buffer.concat([
        ...(honest === undefined ? [] : [frame(TYPE.open, HONEST, honest, { flags: FLAG.end })]),
        frame(TYPE.open, ROGUE, head, { flags }),
        ...(body === undefined ? [] : [frame(TYPE.data, ROGUE, body, { flags: FLAG.end })]),
        PING,
      ])
      const ids = honest === undefined ? [ROGUE] : [HONEST, ROGUE]
      const who = pair === undefined ? context.accepted : pair(context)
      const transcript = await talk(context, { bytes, pair: who, pings: 1, ids })
      const early = notThere(transcript)
      if (early !== undefined) return early
      if (headsOf(transcript, ROGUE) > 1) {
        return { ...gotThrough('two answers to one exchange'), evidence: evidence(transcript) }
      }
      const answer = answerTo(transcript, ROGUE)
      if (answer !== undefined) return findingOf({ ...transcript, answers: [answer] })
      if (!wasReset(transcript, ROGUE)) return findingOf(transcript)
      return { ...blocked(null, 'the exchange was reset'), evidence: evidence(transcript) }
    },
  }
}
