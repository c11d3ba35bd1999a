import { worst } from '../around.ts'
import type { Attack } from '../attack.ts'
import { honest } from '../http.ts'
import { atPlainDoor } from '../plain-door.ts'

export const plainSupertenant: Attack = {
  id: 'plain-supertenant',
  group: 'around',
  title: 'supertenant by the plain door',
  meaning: 'Modules take SUPERTENANT for supertenant, and nobody has proved anything.',
  judged: 'Any HTTP answer for that tenant, however spelled, but a sidecar’s own refusal.',
  remedy: 'Refuse supertenant, in any case, from callers that prove nothing.',
  run: (context) =>
    worst(
      ['supertenant', 'SUPERTENANT'].map((tenant) =>
        atPlainDoor(context, {
          target: context.ordinaryPath,
          lines: honest({ ...context, tenant }),
        }),
      ),
    ),
}
