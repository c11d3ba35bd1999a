import type { Attack } from '../attack.ts'
import { closedTo, forWriting } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { evidence } from '../evidence.ts'
import { findingOf, gotThrough } from '../finding.ts'
import { honest, request } from '../http.ts'

export const expectContinue: Attack = {
  id: 'expect-continue',
  group: 'framing',
  title: 'Expect: 100-continue on a closed route',
  meaning: 'The body is asked for, and reaches somebody, before the call is judged.',
  judged: 'The answer 100, or any final answer but a refusal.',
  remedy: 'Judge the head before anything of the body is asked for.',
  async run(context) {
    const lines = [
      ...honest(forWriting(context)),
      ['Expect', '100-continue'],
      ['Content-Length', '5'],
    ] as const
    const target = context.role === 'okapi' ? closedTo(context) : '/admin/importSQL'
    const bytes = request({ method: 'POST', target, lines })
    const transcript = await send(context, bytes, {
      methods: ['POST'],
      handshake: handshakeWith(context.credentials),
      enough: asksForMore,
    })
    if (!asksForMore(transcript.received)) return findingOf(transcript)
    return { ...gotThrough('the body was asked for with 100'), evidence: evidence(transcript) }
  },
}

/** RFC 9110 section 15.2.1; after it nothing comes, for the body never does. */
function asksForMore(received: Buffer): boolean {
  return received.toString('latin1', 0, 12) === 'HTTP/1.1 100'
}
