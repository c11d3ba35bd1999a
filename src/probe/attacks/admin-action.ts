import { beside, worst } from '../around.ts'
import type { Attack } from '../attack.ts'

/** What proxies let be done on such a port; none of it is there to be hit by chance. */
const ACTIONS = [
  '/drain',
  '/reload',
  '/shutdown',
  '/quitquitquit',
  '/logging?level=trace',
  '/config',
]

export const adminAction: Attack = {
  id: 'admin-action',
  group: 'around',
  title: 'an action on the admin port',
  meaning: 'Whoever reaches it stops or changes the sidecar.',
  judged: 'A successful answer to a POST.',
  remedy: 'Let no listener change anything; take GET and HEAD only.',
  run: (context) =>
    worst(
      ACTIONS.map((target) => {
        const lines = [
          ['Host', 'localhost'],
          ['Content-Length', '0'],
        ] as const
        const call = { method: 'POST', target, lines }
        return beside(context, context.ports.admin, call, ({ status }) => status < 300)
      }),
    ),
}
