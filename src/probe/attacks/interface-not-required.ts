import type { Attack } from '../attack.ts'
import { closedTo } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { honest, request } from '../http.ts'

export const interfaceNotRequired: Attack = {
  id: 'interface-not-required',
  group: 'policy',
  title: 'an interface that it never required',
  meaning: 'A hijacked module reaches every API of the system, not only what it was built for.',
  judged: 'Any answer but a refusal means that Okapi was asked.',
  remedy: 'Enforce the allow-list at Okapi’s ingress: `requires`, `optional`, own, grants.',
  needs: ['credentials', 'closed'],
  against: 'okapi',
  async run(context) {
    const lines = honest(context)
    const stolen = { handshake: handshakeWith(context.credentials) }
    return findingOf(await send(context, request({ target: closedTo(context), lines }), stolen))
  },
}
