import type { Attack } from '../attack.ts'
import { atPlainDoor } from '../plain-door.ts'

export const plainStranger: Attack = {
  id: 'plain-stranger',
  group: 'around',
  title: 'an ordinary call by the plain door',
  meaning: 'Whoever has this address calls without proving anything.',
  judged: 'Any HTTP answer from the port of `migration` that is not a sidecar’s own refusal.',
  remedy: 'Take this address out of migration.from; when all have moved, take migration away.',
  run: (context) => atPlainDoor(context, { target: context.ordinaryPath }),
}
