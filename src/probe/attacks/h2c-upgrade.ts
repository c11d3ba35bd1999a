import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { blocked, findingOf } from '../finding.ts'
import { honest, request } from '../http.ts'

/** RFC 7540 section 3.2; Java’s HttpClient offers it on every first call, innocently. */
export const h2cUpgrade: Attack = {
  id: 'h2c-upgrade',
  group: 'framing',
  title: 'an upgrade to HTTP/2 in the clear',
  meaning: 'What follows in HTTP/2 passes proxies that judged only the first request.',
  judged: 'The answer 101; a call that is answered as HTTP/1.1 was not upgraded.',
  remedy: 'Take Upgrade off and answer as HTTP/1.1.',
  async run(context) {
    const lines = [
      ...honest(context),
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAMAAABkAAQBAAAAAAIAAAAA'],
    ] as const
    const transcript = await send(context, request({ target: context.ordinaryPath, lines }))
    const finding = findingOf(transcript, {
      through: ({ status }) => status === 101,
      harmless: () => true,
    })
    const answered = transcript.answers[0]?.status
    if (finding.outcome !== 'blocked' || finding.reason !== null || answered === undefined) {
      return finding
    }
    return { ...finding, ...blocked(null, `answered ${answered} in HTTP/1.1`) }
  },
}
