import type { Attack } from '../attack.ts'
import { headerAttack } from '../calls.ts'

/** A line that only Okapi, its auth filter or a trusted proxy may write; a module forges it. */
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
  // Okapi's sanitizeAuthHeaders leaves X-Okapi-Permissions alone, and modules believe it.
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

/** Ordinary calls with one forged line: only Okapi's sidecar can be asked to refuse it. */
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
