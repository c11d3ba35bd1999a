import { beside, worst } from '../around.ts'
import type { Attack } from '../attack.ts'

export const modulePort: Attack = {
  id: 'module-port',
  group: 'around',
  title: 'the module’s own port, plain',
  meaning: 'The sidecar guards a door beside which the wall is missing.',
  judged: 'Any HTTP answer from one of the ports where modules listen.',
  remedy: 'Bind the module to loopback, or close its port with a NetworkPolicy.',
  run: (context) =>
    worst(
      context.ports.module.map((port) =>
        beside(context, port, { target: context.ordinaryPath }, () => true),
      ),
    ),
}
