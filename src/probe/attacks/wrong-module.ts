import type { Attack } from '../attack.ts'
import { handshakeWith, send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { honest, request } from '../http.ts'

export const wrongModule: Attack = {
  id: 'wrong-module',
  group: 'policy',
  title: 'the right CA, the wrong module',
  meaning: 'Every module can call every other past Okapi, and with it past all authorisation.',
  judged: 'Any answer but a refusal means that the call was served.',
  remedy: 'Let a module’s ingress take calls from Okapi’s identity only.',
  needs: ['credentials'],
  against: 'module',
  async run(context) {
    const lines = honest(context)
    const stolen = { handshake: handshakeWith(context.credentials) }
    return findingOf(await send(context, request({ target: context.ordinaryPath, lines }), stolen))
  },
}
