import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { honest, request } from '../http.ts'

export const noCertificate: Attack = {
  id: 'no-certificate',
  group: 'tls',
  title: 'an ordinary call without a certificate',
  meaning: 'Whoever reaches the port is served, whatever they are.',
  judged: 'Any answer but a refusal means that the call was served.',
  remedy: 'Close the module’s own port; let only its sidecar be reached from outside the pod.',
  async run(context) {
    const lines = honest(context)
    const bytes = request({ target: context.ordinaryPath, lines })
    return findingOf(await send(context, bytes, { handshake: {} }))
  },
}
