import type { Attack } from '../attack.ts'
import { forWriting } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { honest, request } from '../http.ts'

/** domain-models-api-interfaces/ramls/admin.raml: no permission, in no descriptor. */
export const adminImportSql: Attack = {
  id: 'admin-import-sql',
  group: 'policy',
  title: 'RMB’s POST /admin/importSQL',
  meaning: 'SQL of the attacker’s choice runs with the module’s database role.',
  judged: 'Any answer but a refusal means that the request reached the module.',
  remedy: 'Close every route that no descriptor declares; keep /admin inside the pod.',
  against: 'module',
  async run(context) {
    const body = 'SELECT 1;'
    const lines = [
      ...honest(forWriting(context)),
      ['Content-Type', 'application/octet-stream'],
      ['Content-Length', String(body.length)],
    ] as const
    const bytes = request({ method: 'POST', target: '/admin/importSQL', lines, body })
    return findingOf(
      await send(context, bytes, {
        methods: ['POST'],
        handshake: handshakeWith(context.credentials),
      }),
    )
  },
}
