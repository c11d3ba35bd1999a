import type { Attack } from '../attack.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { verdict } from '../verdict.ts'

export const plaintext: Attack = {
  id: 'plaintext',
  group: 'tls',
  title: 'plain HTTP to the TLS port',
  meaning: 'Calls are served in the clear, without any proof of who calls.',
  judged: 'Any answer but a refusal means that the call was served.',
  remedy: 'Serve nothing on this port before a handshake.',
  async run(context) {
    const door = { ...context.target, tls: false }
    const bytes = request({ target: context.ordinaryPath, lines: honest(context) })
    const finding = verdict(await say(context, bytes, { door }))
    // A TLS alert is not HTTP: the target answered the way TLS servers refuse.
    if (!finding.evidence.received.startsWith('\\x15\\x03')) return finding
    return { ...finding, outcome: 'blocked', because: 'it answered with a TLS alert' }
  },
}
