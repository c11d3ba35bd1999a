import type { Attack } from '../attack.ts'
import { type Context, forWriting } from '../context.ts'
import { send } from '../conversation.ts'
import { type AttackFinding, blocked, findingOf } from '../finding.ts'
import {
  type HttpAnswer,
  header,
  honest,
  hostLine,
  type Message,
  requestBytes,
  withJson,
} from '../http.ts'

/** Calls to another port of the target's host, plain, without any certificate. */
interface AroundRow {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly judged: string
  readonly remedy: string
  /** Tried one by one. */
  readonly port: (ports: Context['ports']) => number | readonly number[]
  readonly calls: (context: Context) => readonly Message[]
  readonly through: (answer: HttpAnswer) => boolean
}

const anyAnswer = () => true
const succeeds = ({ status }: HttpAnswer) => status < 300
const behindSidecar = (answer: HttpAnswer) => header(answer, 'x-sidecar-refused') === undefined

/** Actions that proxies offer on such a port; none of these paths exists by chance. */
const ACTIONS = [
  '/drain',
  '/reload',
  '/shutdown',
  '/quitquitquit',
  '/logging?level=trace',
  '/config',
]

/** Pages of proxies that reveal more than health and counts. */
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

const ROWS: readonly AroundRow[] = [
  {
    id: 'admin-action',
    title: 'an action on the admin port',
    meaning: 'Any caller that reaches it stops or changes the sidecar.',
    judged: 'A successful answer to a POST.',
    remedy: 'Let no listener change anything; take GET and HEAD only.',
    port: ({ admin }) => admin,
    calls: () =>
      ACTIONS.map((target) => {
        const lines = [
          ['Host', 'localhost'],
          ['Content-Length', '0'],
        ] as const
        return { method: 'POST', target, lines }
      }),
    through: succeeds,
  },
  {
    id: 'admin-tells',
    title: 'the admin port asked for more',
    meaning: 'Any caller that reaches it learns peers, policy or configuration.',
    judged: 'A successful answer to anything but health and metrics.',
    remedy: 'Serve /live, /ready, /metrics and /app/health there, and nothing else.',
    port: ({ admin }) => admin,
    calls: () => PAGES.map((target) => ({ target })),
    through: succeeds,
  },
  {
    id: 'egress-from-outside',
    title: 'the egress port from outside the pod',
    meaning: 'Any caller that reaches it calls Okapi with this module’s identity.',
    judged: 'Any HTTP answer.',
    remedy: 'Bind egress.listen to loopback.',
    port: ({ egress }) => egress,
    calls: ordinaryCall,
    through: anyAnswer,
  },
  {
    id: 'module-port',
    title: 'the module’s own port, plain',
    meaning: 'The sidecar guards one port while the module answers on another.',
    judged: 'Any HTTP answer from one of the ports where modules listen.',
    remedy: 'Bind the module to loopback, or close its port with a NetworkPolicy.',
    port: ({ module }) => module,
    calls: ordinaryCall,
    through: anyAnswer,
  },
  {
    id: 'plain-administration',
    title: '/_/ by the migration listener',
    meaning: 'A caller with this address deletes tenants, or registers modules of its own.',
    judged: 'Any HTTP answer to a call under /_/ that is not a sidecar’s own refusal.',
    remedy: 'Nothing under /_/ may pass without proof: let nothing but a sidecar listen there.',
    port: ({ plain }) => plain,
    calls(context) {
      const body = JSON.stringify({ module_from: 'mod-0.0.1', purge: true })
      const lines = withJson(honest(forWriting(context)), body)
      return [{ target: '/_/proxy/tenants' }, { method: 'POST', target: '/_/tenant', lines, body }]
    },
    through: behindSidecar,
  },
  {
    id: 'plain-stranger',
    title: 'a plain call at the migration listener',
    meaning: 'A caller with this address calls without proof of identity.',
    judged: 'Any HTTP answer from the port of `migration` that is not a sidecar’s own refusal.',
    remedy: 'Take this address out of migration.from; when all have moved, take migration away.',
    port: ({ plain }) => plain,
    calls: ordinaryCall,
    through: behindSidecar,
  },
  {
    id: 'plain-supertenant',
    title: 'supertenant by the migration listener',
    meaning: 'Modules take SUPERTENANT for supertenant, and no caller has proved its identity.',
    judged: 'Any HTTP answer for that tenant, however spelled, but a sidecar’s own refusal.',
    remedy: 'Refuse supertenant, in any case, from callers that prove nothing.',
    port: ({ plain }) => plain,
    calls: (context) =>
      ['supertenant', 'SUPERTENANT'].map((tenant) => ({
        target: context.ordinaryPath,
        lines: honest({ ...context, tenant }),
      })),
    through: behindSidecar,
  },
  {
    id: 'status-from-outside',
    title: 'the status page from outside the pod',
    meaning: 'Anyone can read peers, refusals and policy, and plan an attack with them.',
    judged: 'Any HTTP answer.',
    remedy: 'Bind status.listen to loopback.',
    port: ({ status }) => status,
    calls: () => [{ target: '/' }],
    through: anyAnswer,
  },
  {
    id: 'status-host-name',
    title: 'the status page under another name',
    meaning: 'A web page in an operator’s browser reads it, by a name that changes its address.',
    judged: 'A successful answer to a Host that is neither address nor localhost.',
    remedy: 'Refuse a Host that is neither an address nor localhost.',
    port: ({ status }) => status,
    calls: () => [{ target: '/', lines: [['Host', 'rebinding.invalid']] }],
    through: succeeds,
  },
]

function ordinaryCall({ ordinaryPath }: Context): readonly Message[] {
  return [{ target: ordinaryPath }]
}

async function callPort(
  context: Context,
  port: number,
  message: Message,
  through: (answer: HttpAnswer) => boolean,
): Promise<AttackFinding> {
  const endpoint = { host: context.target.host, port, tls: false }
  const lines = [['Host', hostLine(endpoint)] as const, ...honest(context).slice(1)]
  const transcript = await send(context, requestBytes({ lines, ...message }), {
    endpoint,
    handshake: {},
    methods: [message.method ?? 'GET'],
  })
  const finding = findingOf(transcript, { through, harmless: () => true })
  // Nothing reachable is the desired result.
  if (transcript.end === 'refused')
    return { ...finding, ...blocked(null, `nothing listens on port ${port}`) }
  if (!transcript.connected)
    return { ...finding, ...blocked(null, `no connection comes up on port ${port}`) }
  return finding
}

const WORST_FIRST = ['got-through', 'inconclusive', 'blocked']

/** Around the sidecar: its other ports, and the module's own. The worst finding counts. */
export const AROUND_ATTACKS: readonly Attack[] = ROWS.map(({ port, calls, through, ...row }) => ({
  ...row,
  group: 'around',
  async run(context) {
    const ports = [port(context.ports)].flat()
    const findings = await Promise.all(
      ports.flatMap((one) => calls(context).map((call) => callPort(context, one, call, through))),
    )
    return findings.toSorted(
      (a, b) => WORST_FIRST.indexOf(a.outcome) - WORST_FIRST.indexOf(b.outcome),
    )[0]!
  },
}))
