import { SMUGGLED, type Trick } from './trick.ts'

const get = (lines: readonly string[]) =>
  `${['GET {P}/a HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n')}${SMUGGLED}`

const LINES: readonly (readonly [what: string, kin: string, lines: readonly string[]])[] = [
  ['two tenants', 'Envoy CVE-2026-26308', ['X-Okapi-Tenant: a', 'X-Okapi-Tenant: b']],
  [
    'two tenants in other cases',
    'Istio CVE-2026-31838',
    ['X-Okapi-Tenant: a', 'x-okapi-TENANT: b'],
  ],
  ['two tokens', 'Envoy CVE-2026-26308', ['X-Okapi-Token: a', 'X-Okapi-Token: a']],
  ['two Authorizations', 'Envoy CVE-2026-26308', ['Authorization: a', 'Authorization: b']],
  ['two of an unknown X-Okapi-*', 'Envoy CVE-2026-26308', ['X-Okapi-Q: a', 'X-Okapi-Q: b']],
  ['X_Okapi_Tenant', 'Traefik CVE-2026-39858', ['X_Okapi_Tenant: a']],
  [
    'X-Okapi_Tenant beside the true one',
    'Traefik CVE-2026-39858',
    ['X-Okapi-Tenant: a', 'X-Okapi_Tenant: b'],
  ],
  ['X_OKAPI_PERMISSIONS', 'Traefik CVE-2026-39858', ['X_OKAPI_PERMISSIONS: ["all"]']],
  [
    'Connection takes the tenant off',
    'Apache CVE-2022-31813',
    ['Connection: X-Okapi-Tenant', 'X-Okapi-Tenant: a'],
  ],
  [
    'Connection takes the token off',
    'Traefik CVE-2024-45410',
    ['Connection: close, x-okapi-token'],
  ],
  ['the same with _', 'Traefik CVE-2024-45410', ['Connection: x_okapi_token']],
  ['Connection takes Host off', 'Apache CVE-2022-31813', ['Connection: Host']],
  ['Connection takes Authorization off', 'Apache CVE-2022-31813', ['Connection: Authorization']],
  [
    'Connection takes the cookie off',
    'Apache CVE-2022-31813',
    ['Connection: keep-alive', 'Connection: Cookie'],
  ],
  [
    'the same beside an upgrade',
    'Envoy #44525',
    ['Connection: Upgrade, X-Okapi-Tenant', 'Upgrade: websocket'],
  ],
  ['two Hosts', 'http-proxy-middleware CVE-2026-55602', ['Host: y']],
  ['obs-fold', 'Node CVE-2022-32215', ['X-Okapi-Tenant: a', ' b']],
  ['a blank before the colon', 'Node CVE-2021-22959', ['X-Okapi-Tenant : a']],
  ['an empty name', 'HAProxy CVE-2023-25725', [': a']],
  ['a bare CR', 'Node CVE-2023-30589', ['A: b\rX-Okapi-Tenant: c']],
  ['a bare LF', 'undici CVE-2022-31150', ['A: b\nX-Okapi-Tenant: c']],
  ['NUL', 'Envoy CVE-2019-9900', ['X-Okapi-Tenant: a\0b']],
  ['a name of UTF-8', 'Envoy CVE-2019-9900', ['X-Okapi-T\xc3\xa9nant: a']],
  ['many lines', 'Slowloris', Array.from({ length: 300 }, (_, i) => `A${i}: b`)],
  ['a huge line', 'Slowloris', [`A: ${'b'.repeat(70_000)}`]],
]

const HARMLESS: readonly (readonly [what: string, kin: string, lines: readonly string[]])[] = [
  ['__proto__', 'Node CVE-2026-21710', ['__proto__: a', 'constructor: b', 'toString: c']],
  [
    'colliding integers',
    'Node CVE-2026-21717',
    Array.from({ length: 150 }, (_, i) => `${i * 4096}: b`),
  ],
  [
    'h2c is not spoken',
    'h2c smuggling (Bishop Fox)',
    [
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    ],
  ],
  [
    'WebSocket is not spoken',
    'kemal #767',
    ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: a'],
  ],
  ['lines that may repeat', 'what is allowed', ['Accept: a', 'Accept: b', 'Via: c', 'Via: d']],
]

/** Everything about the other lines of a head. */
export const HEADERS: readonly Trick[] = [
  ...LINES.map(([what, kin, lines]) => ({
    what,
    kin,
    bytes: get(lines),
    becomes: 'refused' as const,
  })),
  ...HARMLESS.map(([what, kin, lines]) => ({
    what,
    kin,
    bytes: get([...lines]).slice(0, -SMUGGLED.length),
    becomes: 'crosses' as const,
  })),
  {
    what: 'no Host',
    kin: 'RFC 9112 3.2',
    bytes: `GET {P}/a HTTP/1.1\r\n\r\n${SMUGGLED}`,
    becomes: 'refused',
  },
  {
    what: 'a Host with path and user',
    kin: 'http-proxy-middleware CVE-2026-55602',
    bytes: `GET {P}/a HTTP/1.1\r\nHost: okapi@evil/\r\n\r\n${SMUGGLED}`,
    becomes: 'refused',
  },
]
