import type { Attack } from '../attack.ts'
import { evidence } from '../evidence.ts'
import { hidden } from '../framing-trick.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { blocked, verdict } from '../verdict.ts'

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
    const heard = await say(context, bytes, { methods: ['GET', 'GET'] })
    if (heard.answers.length !== 1)
      return verdict(heard, { at: heard.answers.length === 0 ? 0 : 1 })
    return { ...blocked(null, 'the second request was never answered'), evidence: evidence(heard) }
  },
}
