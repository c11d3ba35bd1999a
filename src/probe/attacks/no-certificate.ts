import type { Attack } from '../attack.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { verdict } from '../verdict.ts'

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
    return verdict(await say(context, bytes, { guise: {} }))
  },
}
