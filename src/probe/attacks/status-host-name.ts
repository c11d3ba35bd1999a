import { beside } from '../around.ts'
import type { Attack } from '../attack.ts'

export const statusHostName: Attack = {
  id: 'status-host-name',
  group: 'around',
  title: 'the status page under another name',
  meaning: 'A web page in an operator’s browser reads it, by a name that changes its address.',
  judged: 'A successful answer to a Host that is neither address nor localhost.',
  remedy: 'Refuse a Host that is neither an address nor localhost.',
  run: (context) =>
    beside(
      context,
      context.ports.status,
      { target: '/', lines: [['Host', 'rebinding.invalid']] },
      ({ status }) => status < 300,
    ),
}
