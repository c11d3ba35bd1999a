import { worst } from '../around.ts'
import type { Attack } from '../attack.ts'
import { forWriting } from '../context.ts'
import { honest, withJson } from '../http.ts'
import { atPlainDoor } from '../plain-door.ts'

export const plainAdministration: Attack = {
  id: 'plain-administration',
  group: 'around',
  title: '/_/ by the plain door',
  meaning: 'Whoever has this address deletes tenants, or has modules answered by its own.',
  judged: 'Any HTTP answer to a call under /_/ that is not a sidecar’s own refusal.',
  remedy: 'Nothing under /_/ may pass without proof: let nothing but a sidecar listen there.',
  run(context) {
    const body = JSON.stringify({ module_from: 'mod-0.0.1', purge: true })
    const lines = withJson(honest(forWriting(context)), body)
    return worst([
      atPlainDoor(context, { target: '/_/proxy/tenants' }),
      atPlainDoor(context, { method: 'POST', target: '/_/tenant', lines, body }),
    ])
  },
}
