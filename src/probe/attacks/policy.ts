import type { Attack } from '../attack.ts'
import { type CallRow, callAttack, type ForbiddenCall } from '../calls.ts'
import { type Context, closedTo, forWriting } from '../context.ts'
import { honest, withJson } from '../http.ts'
import { authtokenDirect, authtokenSign } from './authtoken-direct.ts'

const UNDECLARED = 'Close every route that no descriptor declares; keep /admin inside the pod.'
const SYSTEM = 'Only Okapi may call system interfaces, and only those that are declared.'
const METHOD = 'Judge the method as it is spelled, and refuse what no route declares.'
const ADMINISTRATION = 'Close /_/ at Okapi to modules, and secure the supertenant.'
const JOB = '/_/tenant/00000000-0000-4000-8000-000000000000'

const AT_MODULES: readonly CallRow[] = [
  // domain-models-api-interfaces/ramls/admin.raml: needs no permission, and is in no descriptor.
  {
    id: 'admin-import-sql',
    title: 'RMB’s POST /admin/importSQL',
    meaning: 'SQL of the attacker’s choice runs with the module’s database role.',
    judged: 'Any answer but a refusal means that the request reached the module.',
    remedy: UNDECLARED,
    calls(context) {
      const body = 'SELECT 1;'
      const lines = [
        ...honest(forWriting(context)),
        ['Content-Type', 'application/octet-stream'],
        ['Content-Length', String(body.length)],
      ] as const
      return [{ method: 'POST', target: '/admin/importSQL', lines, body }]
    },
  },
  {
    id: 'admin-rmb',
    title: 'RMB’s GET /admin/*',
    meaning: 'Thread dumps, memory, running queries and passwords of the module are read.',
    remedy: UNDECLARED,
    calls: () =>
      ['jstack', 'memory', 'get_password', 'loglevel', 'list_locking_queries', 'slow_queries'].map(
        (page) => ({ target: `/admin/${page}` }),
      ),
  },
  {
    id: 'tenant-job',
    title: 'GET and DELETE of a tenant job',
    meaning: 'One module watches or drops the jobs that install and purge others.',
    remedy: SYSTEM,
    calls: () => [{ target: JOB }, { method: 'DELETE', target: JOB }],
  },
  {
    id: 'tenant-permissions',
    title: 'POST /_/tenantPermissions',
    meaning: 'One module writes permissions into another.',
    remedy: SYSTEM,
    calls: () => [
      { method: 'POST', target: '/_/tenantPermissions', body: '{}' },
      { method: 'POST', target: '/_/tenantpermissions', body: '{}' },
    ],
  },
  {
    id: 'tenant-purge',
    title: 'POST /_/tenant with purge',
    meaning: 'One module deletes all data of a tenant in another module with a single call.',
    judged: 'Any answer but a refusal means that the module’s tenant API was reached.',
    remedy: 'Only Okapi may call system interfaces; take `_tenant` out of every grant.',
    calls: () => [
      {
        method: 'POST',
        target: '/_/tenant',
        body: JSON.stringify({ module_from: 'mod-0.0.1', purge: true }),
      },
    ],
  },
  {
    id: 'timer-route',
    title: 'a timer route',
    meaning: 'One module starts the nightly jobs of another whenever it likes.',
    remedy: SYSTEM,
    calls: ({ timerPath }) => [{ method: 'POST', target: timerPath, body: '' }],
  },
  {
    id: 'undeclared-route',
    title: 'a route that no descriptor declares',
    meaning: 'Everything a module happens to serve can be called, whatever was reviewed.',
    remedy: 'Close every route that the module’s own descriptor does not declare.',
    as: 'accepted',
    calls: () => [{ target: '/okapi-sidecar-probe/undeclared' }],
  },
  {
    id: 'wrong-module',
    title: 'the right CA, the wrong module',
    meaning: 'Every module can call every other past Okapi, and with it past all authorisation.',
    judged: 'Any answer but a refusal means that the call was served.',
    remedy: 'Let a module’s ingress take calls from Okapi’s identity only.',
    needs: ['credentials'],
    calls: ({ ordinaryPath }) => [{ target: ordinaryPath }],
  },
]

const AT_OKAPI: readonly CallRow[] = [
  {
    id: 'interface-not-required',
    title: 'an interface that it never required',
    meaning: 'A hijacked module reaches every API of the system, not only what it was built for.',
    judged: 'Any answer but a refusal means that Okapi was asked.',
    remedy: 'Enforce the allow-list at Okapi’s ingress: `requires`, `optional`, own, grants.',
    needs: ['credentials', 'closed'],
    calls: (context) => [{ target: closedTo(context) }],
  },
  // Okapi answers a preflight itself, and passes any other OPTIONS on (vertx-web CorsHandlerImpl).
  {
    id: 'preflight-look-alike',
    title: 'an OPTIONS that is no preflight',
    meaning: 'A call to any module passes as a question of a browser, without tenant and token.',
    judged: 'Any answer but a refusal means that Okapi was asked.',
    remedy: 'Let only real preflights pass unjudged, by the lines that go on.',
    needs: ['credentials', 'closed'],
    calls(context) {
      const asks = [
        ['Origin', 'https://folio.example'],
        ['Access-Control-Request-Method', 'GET'],
      ] as const
      const ends = ['Connection', 'Origin, Access-Control-Request-Method'] as const
      return [[], asks.slice(0, 1), asks.slice(1), [...asks, ends]].map((more) => ({
        method: 'OPTIONS',
        target: closedTo(context),
        more,
      }))
    },
  },
  // ProxyService.redirectProxy re-enters Okapi’s whole router.
  {
    id: 'invoke-admin',
    title: '/_/proxy through /_/invoke',
    meaning: 'What is closed at the front is open behind /_/invoke: Okapi reroutes.',
    remedy: 'Judge the path behind /_/invoke as itself; refuse /_/ there whatever is granted.',
    calls: (context) => [
      {
        target: '/_/invoke/tenant/supertenant/_/proxy/tenants',
        lines: honest({ ...context, tenant: 'supertenant' }),
      },
    ],
  },
  {
    id: 'invoke-closed',
    title: 'a closed interface through /_/invoke',
    meaning: 'What is closed at the front is open behind /_/invoke: Okapi reroutes.',
    remedy: 'Judge the path behind /_/invoke as itself.',
    needs: ['credentials', 'closed'],
    calls: (context) => [{ target: `/_/invoke/tenant/${context.tenant}${closedTo(context)}` }],
  },
  {
    id: 'okapi-proxy-tenants',
    title: 'Okapi’s own GET /_/proxy/tenants',
    meaning: 'A module reads, and in the same way changes, which modules run for which tenant.',
    judged: 'Any answer but a refusal means that Okapi’s administration was reached.',
    remedy: ADMINISTRATION,
    calls: (context) => [
      { target: '/_/proxy/tenants', lines: honest({ ...context, tenant: 'supertenant' }) },
    ],
  },
  {
    id: 'okapi-version-mismatch',
    title: 'an interface in an unknown version',
    meaning: 'A module talks to a version it was never tested with, and misreads the answers.',
    remedy: 'Compare versions as Okapi does (InterfaceDescriptor.isCompatible).',
    needs: ['mismatch'],
    as: 'mismatch',
    calls: ({ mismatch }) => [{ target: mismatch!.path }],
  },
]

/** Paths of Okapi's administration that a module must not reach. */
type AdministrationRow = readonly [
  id: string,
  title: string,
  meaning: string,
  calls: readonly string[] | ((context: Context) => readonly ForbiddenCall[]),
]

/** It changes nothing, so it uses the caller's own tenant: another tenant alone would be a reason to refuse it. */
function postNothing(context: Context, target: string): readonly ForbiddenCall[] {
  return [{ method: 'POST', target, lines: withJson(honest(context), '[]'), body: '[]' }]
}

const ADMINISTRATIONS: readonly AdministrationRow[] = [
  [
    'okapi-deployment',
    'Okapi’s GET /_/deployment/modules',
    'A module learns what runs on Okapi’s node; by POST it would run programs there.',
    ['/_/deployment/modules'],
  ],
  [
    'okapi-discovery',
    'Okapi’s GET /_/discovery/modules',
    'A module learns where every other one listens; by POST it would take their place.',
    ['/_/discovery/modules', '/_/discovery/nodes'],
  ],
  [
    'okapi-env',
    'Okapi’s GET /_/env',
    'The environment of all modules is read, database passwords among it.',
    ['/_/env'],
  ],
  [
    'okapi-health',
    'Okapi’s GET /_/discovery/health',
    'A module makes Okapi call every other one.',
    ['/_/discovery/health'],
  ],
  [
    'okapi-import',
    'Okapi’s POST /_/proxy/import/modules',
    'A module brings in descriptors, and with them routes to itself.',
    (context) => postNothing(context, '/_/proxy/import/modules'),
  ],
  [
    'okapi-install',
    'Okapi’s POST …/install',
    'A module enables, upgrades or purges modules for a tenant.',
    (context) =>
      postNothing(context, `/_/proxy/tenants/${context.writeTenant}/install?simulate=true`),
  ],
  [
    'okapi-proxy-modules',
    'Okapi’s GET /_/proxy/modules',
    'A module reads which modules there are, in which versions.',
    ['/_/proxy/modules', '/_/proxy/modules?full=true'],
  ],
  [
    'okapi-timers',
    'Okapi’s GET …/timers',
    'A module reads, and by PATCH changes, when the jobs of others run.',
    ({ tenant }) => [{ target: `/_/proxy/tenants/${tenant}/timers` }],
  ],
]

function administration([id, title, meaning, calls]: AdministrationRow): CallRow {
  return {
    id,
    title,
    meaning,
    remedy: ADMINISTRATION,
    needs: ['credentials'],
    calls: typeof calls === 'function' ? calls : () => calls.map((target) => ({ target })),
  }
}

const METHODS: readonly CallRow[] = [
  {
    id: 'method-connect',
    title: 'CONNECT to another host',
    meaning: 'The target becomes a tunnel into its own network.',
    remedy: 'Refuse CONNECT.',
    calls: ({ target }) => [{ method: 'CONNECT', target: `127.0.0.1:${target.port}` }],
  },
  // RoutingEntry: HEAD is not implied by GET.
  method(
    'HEAD',
    'HEAD where only GET is declared',
    'An undeclared method runs the handler of another.',
  ),
  method(
    'get',
    'a method in lower case',
    'Frameworks fold the case of methods, the allow-list must not.',
    'method-lower-case',
  ),
  method(
    'OPTIONS',
    'OPTIONS where only GET is declared',
    'An undeclared method is answered: it tells what else there is.',
  ),
  method('TRACE', 'TRACE', 'The answer shows the headers that a proxy added, tokens among them.'),
  method(
    'PROBE',
    'an unknown method',
    'A framework runs a default handler for it.',
    'method-unknown',
  ),
]

function method(
  name: string,
  title: string,
  meaning: string,
  id = `method-${name.toLowerCase()}`,
): CallRow {
  const calls = ({ ordinaryPath }: Context) => [{ method: name, target: ordinaryPath }]
  return { id, title, meaning, remedy: METHOD, calls }
}

/** Identity and policy: who may call what. */
export const POLICY_ATTACKS: readonly Attack[] = [
  ...AT_MODULES.map((row) => callAttack({ ...row, against: 'module' })),
  ...AT_OKAPI.map((row) => callAttack({ ...row, against: 'okapi' })),
  ...ADMINISTRATIONS.map((row) => callAttack({ ...administration(row), against: 'okapi' })),
  ...METHODS.map((row) => callAttack({ ...row, as: 'accepted' })),
  authtokenDirect,
  authtokenSign,
]
