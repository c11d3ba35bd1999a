import type { Attack } from '../attack.ts'
import { ordinaryCall } from '../certificate-attack.ts'
import type { Finding } from '../finding.ts'

/** Virtual hosts: the one that asks for certificates may not be the one that is reached. */
const NAMES = ['localhost', 'okapi', 'default', 'okapi.invalid']

export const sniOtherName: Attack = {
  id: 'sni-other-name',
  group: 'tls',
  title: 'no certificate, and another server name',
  meaning: 'A second virtual host on the same port serves without asking who calls.',
  judged: 'Any answer but a refusal, under any of some server names.',
  remedy: 'Ask for a certificate whatever the server name is.',
  async run(context) {
    let last: Finding | undefined
    for (const servername of NAMES) {
      const finding = await ordinaryCall(context, { servername })
      if (finding.outcome !== 'blocked') return finding
      last = finding
    }
    return last!
  },
}
