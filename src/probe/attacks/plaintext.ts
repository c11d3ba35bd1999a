import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { honest, request } from '../http.ts'

export const plaintext: Attack = {
  id: 'plaintext',
  group: 'tls',
  title: 'plain HTTP to the TLS port',
  meaning: 'Calls are served in the clear, without any proof of who calls.',
  judged: 'Any answer but a refusal means that the call was served.',
  remedy: 'Serve nothing on this port before a handshake.',
  async run(context) {
    const endpoint = { ...context.target, tls: false }
    const bytes = request({ target: context.ordinaryPath, lines: honest(context) })
    const finding = findingOf(await send(context, bytes, { endpoint }))
    // A TLS alert is not HTTP: the target answered the way TLS servers refuse.
    if (!finding.evidence.received.startsWith('\\x15\\x03')) return finding
    return { ...finding, outcome: 'blocked', because: 'it answered with a TLS alert' }
  },
}
