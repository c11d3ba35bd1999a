import { beside } from '../around.ts'
import type { Attack } from '../attack.ts'

export const statusFromOutside: Attack = {
  id: 'status-from-outside',
  group: 'around',
  title: 'the status page from outside the pod',
  meaning: 'Peers, refusals and policy are there for everyone to plan by.',
  judged: 'Any HTTP answer.',
  remedy: 'Bind status.listen to loopback.',
  run: (context) => beside(context, context.ports.status, { target: '/' }, () => true),
}
