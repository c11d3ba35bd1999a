import { beside } from '../around.ts'
import type { Attack } from '../attack.ts'

export const egressFromOutside: Attack = {
  id: 'egress-from-outside',
  group: 'around',
  title: 'the egress port from outside the pod',
  meaning: 'Whoever reaches it calls Okapi with this module’s identity.',
  judged: 'Any HTTP answer.',
  remedy: 'Bind egress.listen to loopback.',
  run: (context) =>
    beside(context, context.ports.egress, { target: context.ordinaryPath }, () => true),
}
