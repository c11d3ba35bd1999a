import type { Attack } from '../attack.ts'
import { foreignRoot, leaf, moduleUri } from '../forge.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { verdict } from '../verdict.ts'

export const foreignCa: Attack = {
  id: 'foreign-ca',
  group: 'tls',
  title: 'Okapi’s name from a foreign CA',
  meaning: 'Anyone who can make a certificate is Okapi to this module.',
  judged: 'Any answer but a refusal means that the certificate was believed.',
  remedy: 'Verify client certificates against the installation’s own CA, never the public roots.',
  async run(context) {
    const { trustDomain, okapiId, ordinaryPath } = context
    const names = [moduleUri(trustDomain, okapiId)]
    const pair = await leaf(await foreignRoot(trustDomain), okapiId, names)
    const bytes = request({ target: ordinaryPath, lines: honest(context) })
    return verdict(await say(context, bytes, { guise: { pair } }))
  },
}
