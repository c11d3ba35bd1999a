import type { Attack } from './attack.ts'
import { type Context, closedTo, forWriting } from './context.ts'
import { send } from './conversation.ts'
import { findingOf, smuggledAnswer } from './finding.ts'
import { honest, type Lines, request } from './http.ts'

/** What one trick with the framing of messages adds to the common attack. */
export interface FramingTrick {
  readonly id: string
  readonly title: string
  readonly meaning?: string
  readonly remedy: string
  readonly method?: string
  /** The whole message, or the lines and body of a POST to the ordinary path. */
  message(context: Context): Buffer | { readonly lines: Lines; readonly body: string }
}

/** After the answer that is due, an answer to a smuggled request would come at once. */
export const LINGER_MS = 300

/** A message of which one reader sees one request and another reader two. */
export function framingTrick({ message, method = 'POST', meaning, ...spec }: FramingTrick): Attack {
  return {
    ...spec,
    group: 'framing',
    meaning: meaning ?? 'A second request hides behind the first: nobody judges it, one serves it.',
    judged: 'More answers than requests, or any answer but a refusal to the ambiguous one.',
    async run(context) {
      const made = message(context)
      const bytes = Buffer.isBuffer(made)
        ? made
        : request({
            method,
            target: context.ordinaryPath,
            lines: [...honest(forWriting(context)), ...made.lines],
            body: made.body,
          })
      const transcript = await send(context, bytes, { methods: [method], lingerMs: LINGER_MS })
      return smuggledAnswer(transcript, 1) ?? findingOf(transcript)
    },
  }
}

/** The request that is smuggled: one that would be refused if anybody judged it. */
export function hidden(context: Context): string {
  return request({ target: closedTo(context), lines: honest(context) }).toString('latin1')
}
