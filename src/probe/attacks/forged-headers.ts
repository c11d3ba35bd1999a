import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import type { Attack } from '../attack.ts'
import { callAttack, headerAttack, ordinaryRequest } from '../calls.ts'
import { type Context, forWriting } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { openSocket } from '../dial.ts'
import { findingOf, gotThrough } from '../finding.ts'
import { honest, hostLine, type Lines } from '../http.ts'

/** A header line that only Okapi, its auth filter or a trusted proxy may write, forged by a module. */
type ForgedRow = readonly [name: string, value: string, meaning: string]

const ROWS: readonly ForgedRow[] = [
  [
    'X-Okapi-Additional-Token',
    'x',
    'The auth filter judges a second token, of the module’s choice.',
  ],
  [
    'X-Okapi-Auth-Headers',
    '{}',
    'Filters believe what the auth filter never said; Okapi does not remove it.',
  ],
  [
    'X-Okapi-Auth-Result',
    '200',
    'Filters believe that the caller was authorised; Okapi does not remove it.',
  ],
  [
    'Authtoken-Refresh-Cache',
    'true',
    'mod-authtoken flushes its caches on each call: all others wait.',
  ],
  [
    'X-Okapi-Extra-Permissions',
    '["perms.all"]',
    'The auth filter adds permissions that were never given.',
  ],
  [
    'X-Okapi-Filter',
    'auth /users',
    'A handler takes an ordinary call for a call of the auth phase.',
  ],
  [
    'X-Forwarded-Client-Cert',
    'URI=spiffe://folio.test/module/okapi-7.2.0',
    'A mesh behind takes the module for another.',
  ],
  ['X-Forwarded-For', '192.0.2.1', 'The login audit shows an address that never called.'],
  ['Forwarded', 'for=192.0.2.1;host=okapi', 'The audit log shows an address that never called.'],
  [
    'X-Okapi-Handler-Headers',
    '{}',
    'The audit filter records an answer that never was; Okapi does not remove it.',
  ],
  [
    'X-Okapi-Handler-Result',
    '200',
    'The audit filter records a result that never was; Okapi does not remove it.',
  ],
  [
    'X-Okapi-Match-Path-Pattern',
    '/users',
    'A module judges permissions by a route that was not called.',
  ],
  [
    'X-Okapi-Module-Permissions',
    '{"mod-rogue-1.0.0":["perms.all"]}',
    'Where the auth filter is reached with it, it signs tokens with these permissions.',
  ],
  ['X-Okapi-Module-Tokens', '{"_":"x"}', 'The tokens of the modules behind are replaced.'],
  [
    'X-Original-URL',
    '/_/proxy/tenants',
    'A router behind serves another path than the one that was authorized.',
  ],
  [
    'X-Okapi-Permissions-Desired',
    '["perms.all"]',
    'The auth filter reports permissions that the module never declared.',
  ],
  ['X-Okapi-Permissions-Required', '[]', 'The auth filter is told that no permission is required.'],
  // Okapi's sanitizeAuthHeaders keeps X-Okapi-Permissions, and modules trust it.
  [
    'X-Okapi-Permissions',
    '["users.all","perms.all"]',
    'A module grants itself permissions that the next module believes.',
  ],
  ['X-Okapi-request-ip', '192.0.2.1', 'The audit log shows an address that never called.'],
  [
    'X-Rewrite-URL',
    '/_/proxy/tenants',
    'A router behind serves another path than the one that was authorized.',
  ],
  [
    'X-Sidecar-Caller',
    'public',
    'A module asks in the name of another caller, and is let to what that one may.',
  ],
  [
    'X-Sidecar-Exchange',
    '0'.repeat(38),
    'A module gives its call the number of another caller’s, and is taken for that one.',
  ],
  ['X-Okapi-Stop', 'true', 'The pipeline ends before the filters behind the handler.'],
  ['X-Okapi-Unheard-Of', 'x', 'What Okapi adds one day will be forged from that day on.'],
  [
    'X-Okapi-Url-to',
    'http://127.0.0.1:9',
    'RMB loads a tenant’s reference data to a host of the attacker’s choice.',
  ],
  [
    'X-Okapi-Url',
    'http://127.0.0.1:9',
    'Modules call back to a host of the attacker’s choice, with their tokens.',
  ],
]

/** Ordinary calls with one forged line, which only Okapi's sidecar is expected to refuse. */
export const FORGED_HEADER_ATTACKS: readonly Attack[] = ROWS.map(([name, value, meaning]) =>
  headerAttack({
    id: `forged-${name.toLowerCase().replace(/^x-(?:okapi-)?/, '')}`,
    title: `a forged ${name}`,
    meaning,
    remedy: `Refuse ${name} from modules; only Okapi and its auth filter may say it.`,
    needs: ['credentials'],
    against: 'okapi',
    lines: [[name, value]],
  }),
)

/** The same lines past Okapi: a grant lets the caller in, but no grant lets it pretend to be Okapi. */
const DIRECT_ROWS: readonly (readonly [
  id: string,
  what: string,
  meaning: string,
  lines: (context: Context) => Lines,
])[] = [
  [
    'supertenant',
    'the supertenant past Okapi',
    'A monitoring system or a module acts on the tenant that rules all others.',
    (context) => honest({ ...context, tenant: 'supertenant' }),
  ],
  [
    'user-id',
    'a user id past Okapi',
    'A caller with a grant is whatever user it likes: no auth filter has looked.',
    (context) => [...honest(context), ['X-Okapi-User-Id', randomUUID()]],
  ],
  [
    'permissions',
    'permissions past Okapi',
    'A caller with a grant gives itself the permissions that the module asks for.',
    (context) => [...honest(context), ['X-Okapi-Permissions', '["users.all","perms.all"]']],
  ],
  [
    'filter',
    'a filter’s phase past Okapi',
    'A module takes an ordinary call for a call of the auth phase.',
    (context) => [...honest(context), ['X-Okapi-Filter', 'auth /users']],
  ],
  [
    'sidecar-caller',
    'a true caller past Okapi',
    'A caller with a grant says that Okapi asks for another, and is let to what that one may.',
    (context) => [...honest(context), ['X-Sidecar-Caller', 'public']],
  ],
  [
    'sidecar-exchange',
    'the number of an exchange past Okapi',
    'A caller with a grant is taken for the one whose exchange it names.',
    (context) => [...honest(context), ['X-Sidecar-Exchange', '0'.repeat(38)]],
  ],
  [
    'method-override',
    'another method in a header past Okapi',
    'A grant for GET changes data: the framework serves another method.',
    (context) => [...honest(forWriting(context)), ['X-HTTP-Method-Override', 'DELETE']],
  ],
  [
    'refresh-cache',
    'Authtoken-Refresh-Cache past Okapi',
    'mod-authtoken flushes its caches on each call: all others wait.',
    (context) => [...honest(context), ['Authtoken-Refresh-Cache', 'true']],
  ],
]

/** RMB and Spring modules call the address in X-Okapi-Url. */
const directOkapiUrl: Attack = {
  id: 'direct-okapi-url',
  group: 'headers',
  title: 'an X-Okapi-Url past Okapi',
  meaning: 'The module sends its own calls, with its tokens, to an address of the caller.',
  judged: 'The module connects to an address of the probe that only this line names.',
  remedy: 'Replace X-Okapi-Url of callers that are not Okapi, and remember nothing of it.',
  needs: ['credentials'],
  against: 'module',
  async run(context) {
    let called = false
    const server = net.createServer((socket) => {
      called = true
      socket.destroy()
    })
    try {
      server.listen(0, await ownAddress(context))
      await once(server, 'listening')
      const { address: host, port } = server.address() as AddressInfo
      const url = ['X-Okapi-Url', `http://${hostLine({ host, port })}`] as const
      const bytes = ordinaryRequest(context, { lines: [...honest(context), url] })
      const handshake = handshakeWith(context.credentials)
      // A module that trusts the address has called it before it answers.
      const transcript = await send(context, bytes, { handshake, lingerMs: 250 })
      const finding = findingOf(transcript, { harmless: () => true })
      return called ? { ...finding, ...gotThrough('the module called the address') } : finding
    } finally {
      server.close()
    }
  },
}

/** An address of this machine that the target can reach. */
async function ownAddress({ target, timeoutMs }: Context): Promise<string> {
  const socket = openSocket({ ...target, tls: false })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) })
    return socket.localAddress ?? '127.0.0.1'
  } finally {
    socket.destroy()
  }
}

/** Forged lines of a caller with a grant at the module itself. */
export const DIRECT_HEADER_ATTACKS: readonly Attack[] = [
  ...DIRECT_ROWS.map(([id, title, meaning, lines]) =>
    callAttack({
      id: `direct-${id}`,
      group: 'headers',
      title,
      meaning,
      judged:
        'Where a grant lets these credentials in, any answer but a refusal: the line went on.',
      remedy:
        'Hold callers other than Okapi to the rules for callers of Okapi, wherever they come.',
      needs: ['credentials'],
      against: 'module',
      calls: (context) => [{ target: context.ordinaryPath, lines: lines(context) }],
    }),
  ),
  directOkapiUrl,
]
