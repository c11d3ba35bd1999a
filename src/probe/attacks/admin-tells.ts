import { beside, worst } from '../around.ts'
import type { Attack } from '../attack.ts'

/** Pages of proxies that tell more than health and counts. */
const PAGES = [
  '/',
  '/status',
  '/config',
  '/config_dump',
  '/policy',
  '/peers',
  '/env',
  '/debug/pprof/',
]

export const adminTells: Attack = {
  id: 'admin-tells',
  group: 'around',
  title: 'the admin port asked for more',
  meaning: 'Whoever reaches it learns peers, policy or configuration.',
  judged: 'A successful answer to anything but health and metrics.',
  remedy: 'Serve /live, /ready, /metrics and /app/health there, and nothing else.',
  run: (context) =>
    worst(
      PAGES.map((target) =>
        beside(context, context.ports.admin, { target }, ({ status }) => status < 300),
      ),
    ),
}
