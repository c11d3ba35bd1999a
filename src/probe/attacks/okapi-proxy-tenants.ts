import type { Attack } from '../attack.ts'
import { handshakeWith, send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { honest, request } from '../http.ts'

export const okapiProxyTenants: Attack = {
  id: 'okapi-proxy-tenants',
  group: 'policy',
  title: 'Okapi’s own GET /_/proxy/tenants',
  meaning: 'A module reads, and by the same door changes, which modules run for which tenant.',
  judged: 'Any answer but a refusal means that Okapi’s administration was reached.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  against: 'okapi',
  async run(context) {
    const lines = honest({ ...context, tenant: 'supertenant' })
    const stolen = { handshake: handshakeWith(context.credentials) }
    return findingOf(await send(context, request({ target: '/_/proxy/tenants', lines }), stolen))
  },
}
