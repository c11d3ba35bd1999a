import type { Attack } from '../attack.ts'
import { forWriting } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { honest, request, withJson } from '../http.ts'

export const tenantPurge: Attack = {
  id: 'tenant-purge',
  group: 'policy',
  title: 'POST /_/tenant with purge',
  meaning: 'One module deletes all data of a tenant in another module with a single call.',
  judged: 'Any answer but a refusal means that the module’s tenant API was reached.',
  remedy: 'Only Okapi may call system interfaces; take `_tenant` out of every grant.',
  against: 'module',
  async run(context) {
    const body = JSON.stringify({ module_from: 'mod-0.0.1', purge: true })
    const lines = withJson(honest(forWriting(context)), body)
    return findingOf(
      await send(context, request({ method: 'POST', target: '/_/tenant', lines, body }), {
        methods: ['POST'],
        handshake: handshakeWith(context.credentials),
      }),
    )
  },
}
