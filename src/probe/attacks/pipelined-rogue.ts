import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { evidence } from '../evidence.ts'
import { blocked, findingOf } from '../finding.ts'
import { hidden } from '../framing-trick.ts'
import { honest, request } from '../http.ts'

export const pipelinedRogue: Attack = {
  id: 'pipelined-rogue',
  group: 'framing',
  title: 'a forbidden call behind an allowed one',
  meaning: 'Only the first request of a connection is judged.',
  judged: 'The answer to the second request; that none comes is a refusal.',
  remedy: 'Judge every request, however it came.',
  against: 'okapi',
  needs: ['credentials'],
  async run(context) {
    const first = request({ target: context.ordinaryPath, lines: honest(context) })
    const bytes = Buffer.concat([first, Buffer.from(hidden(context), 'latin1')])
    const transcript = await send(context, bytes, { methods: ['GET', 'GET'] })
    if (transcript.answers.length !== 1)
      return findingOf(transcript, { at: transcript.answers.length === 0 ? 0 : 1 })
    return {
      ...blocked(null, 'the second request was never answered'),
      evidence: evidence(transcript),
    }
  },
}
