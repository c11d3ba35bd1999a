import { randomUUID } from 'node:crypto'
import type { Attack } from '../attack.ts'
import { callAttack, type HeaderRow, headerAttack } from '../calls.ts'
import { forWriting } from '../context.ts'
import { honest } from '../http.ts'
import { ANSWER_ATTACKS } from './answers.ts'
import { DIRECT_HEADER_ATTACKS, FORGED_HEADER_ATTACKS } from './forged-headers.ts'

const TWICE =
  'Okapi reads the first, RMB the last, Tomcat the first: one is authorized, another is served.'
const ONCE =
  'Refuse a header that is sent twice and may be sent once only, before anything else reads it.'
const LISTED = 'Refuse a Connection line that names a guarded header.'

const ROWS: readonly HeaderRow[] = [
  {
    id: 'bad-name',
    title: 'a name with a byte that none may have',
    meaning: 'Readers cut the name there, or drop the line.',
    remedy: 'Refuse names that are not tokens (RFC 9110 section 5.1).',
    lines: [['X-Okapi\x01Tenant', 'supertenant']],
  },
  {
    id: 'bare-cr-in-value',
    title: 'a bare CR in a header value',
    meaning: 'RFC 9112 section 2.2: one reader ends the line there.',
    remedy: 'Refuse a CR that no LF follows.',
    lines: [['X-Probe', 'a\rX-Okapi-Tenant: supertenant']],
  },
  {
    id: 'bare-lf-in-value',
    title: 'a bare LF in a header value',
    meaning: 'One reader ends the line there, and finds a header that was not checked.',
    remedy: 'Refuse an LF without its CR.',
    lines: [['X-Probe', 'a\nX-Okapi-Permissions: ["perms.all"]']],
  },
  {
    id: 'connection-listed-tenant',
    title: 'Connection: X-Okapi-Tenant',
    meaning: 'The next hop takes the tenant off (RFC 9110 section 7.6.1): supertenant is implied.',
    remedy: LISTED,
    lines: [['Connection', 'close, X-Okapi-Tenant']],
  },
  {
    id: 'connection-listed-token',
    title: 'Connection: X-Okapi-Token',
    meaning: 'The next hop takes the token off: the call goes on without one.',
    remedy: LISTED,
    lines: [['Connection', 'X-Okapi-Token']],
  },
  {
    id: 'duplicate-authorization',
    title: 'two Authorization lines',
    meaning: TWICE,
    remedy: ONCE,
    lines: [
      ['Authorization', 'Bearer a.b.c'],
      ['Authorization', 'Bearer d.e.f'],
    ],
  },
  {
    id: 'duplicate-host',
    title: 'two Host lines',
    meaning: 'Two readers route one request to two hosts (RFC 9112 section 3.2 wants it refused).',
    remedy: ONCE,
    lines: [['Host', 'okapi']],
  },
  {
    id: 'duplicate-tenant-case',
    title: 'two tenants in two cases',
    meaning: TWICE,
    remedy: ONCE,
    lines: (_context, honest) => [['x-okapi-tenant', 'supertenant'], ...honest],
  },
  {
    id: 'duplicate-tenant',
    title: 'two X-Okapi-Tenant lines',
    meaning: TWICE,
    remedy: ONCE,
    lines: [['X-Okapi-Tenant', 'supertenant']],
  },
  {
    id: 'duplicate-token',
    title: 'two X-Okapi-Token lines',
    meaning: TWICE,
    remedy: ONCE,
    lines: [
      ['X-Okapi-Token', 'a.b.c'],
      ['X-Okapi-Token', 'd.e.f'],
    ],
  },
  {
    id: 'empty-name',
    title: 'a header line without a name',
    meaning: 'Readers skip it, join it to the line before, or stop there.',
    remedy: 'Refuse lines without a name.',
    lines: [['', 'x']],
  },
  // mod-authtoken prefers the header to the claim, and signs it into the next module token.
  {
    id: 'forged-user-id',
    title: 'a forged X-Okapi-User-Id',
    meaning: 'A module acts in the name of any user it likes, and the audit log believes it.',
    remedy: 'Let X-Okapi-User-Id pass only beside a token that carries the same user.',
    needs: ['credentials'],
    against: 'okapi',
    lines: (_context, honest) => [...honest, ['X-Okapi-User-Id', randomUUID()]],
  },
  {
    id: 'huge-header',
    title: 'one header line of 128 KiB',
    meaning: 'An attacker decides how much memory the proxy or the module uses.',
    remedy: 'Limit the bytes of a head.',
    lines: (_context, honest) => [...honest, ['X-Probe', 'a'.repeat(128 * 1024)]],
  },
  {
    id: 'many-headers',
    title: 'two thousand header lines',
    meaning: 'An attacker decides how much CPU time the proxy or the module uses.',
    remedy: 'Limit the number of header lines.',
    lines: (_context, honest) => [
      ...honest,
      ...Array.from({ length: 2000 }, (_, i) => [`X-Probe-${i}`, 'a'] as const),
    ],
  },
  {
    id: 'method-override',
    title: 'another method in a header',
    meaning: 'A framework behind serves another method than the one that was authorized.',
    remedy: 'Refuse the headers by which frameworks let a method be replaced.',
    needs: ['credentials'],
    against: 'okapi',
    lines: (context) => [
      ...honest(forWriting(context)),
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X-Method-Override', 'DELETE'],
      ['X-HTTP-Method', 'DELETE'],
    ],
  },
  {
    id: 'no-host',
    title: 'no Host line at all',
    meaning: 'RFC 9112 section 3.2 wants it refused; what routes by it falls back to a default.',
    remedy: 'Refuse HTTP/1.1 without exactly one Host line.',
    lines: (_context, honest) => honest.filter(([name]) => name !== 'Host'),
  },
  {
    id: 'nul-in-value',
    title: 'a NUL in a header value',
    meaning: 'C strings end there: one reader sees another value (RFC 9110 section 5.5).',
    remedy: 'Refuse NUL, CR and LF in values.',
    lines: [['X-Probe', 'a\0b']],
  },
  {
    id: 'obs-fold',
    title: 'a folded header line',
    meaning: 'RFC 9112 section 5.2: one reader joins the lines, another sees a new one.',
    remedy: 'Refuse folded lines.',
    lines: [['X-Probe', 'a\r\n X-Okapi-Tenant: supertenant']],
  },
  // TokenHeader.check: Okapi uses the cookie as X-Okapi-Token.
  {
    id: 'session-cookie',
    title: 'a user’s session cookie from a module',
    meaning: 'A module goes on as the user whose browser it answered, past its own token.',
    remedy: 'Refuse folioAccessToken and folioRefreshToken from modules.',
    needs: ['credentials'],
    against: 'okapi',
    lines: ({ token = 'a.b.c' }, honest) => [
      ...honest.filter(([name]) => name !== 'X-Okapi-Token'),
      ['Cookie', `folioAccessToken=${token}`],
    ],
  },
  {
    id: 'space-before-colon',
    title: 'white space before the colon',
    meaning: 'RFC 9112 section 5.1: one reader drops the line, another believes it.',
    remedy: 'Refuse white space between a name and its colon.',
    lines: [['X-Okapi-Permissions ', '["perms.all"]']],
  },
  {
    id: 'underscore-tenant',
    title: 'X_Okapi_Tenant with underscores',
    meaning: 'CGI and WSGI servers read `_` as `-`: a header that was never checked arrives.',
    remedy: 'Refuse names with `_` that read as a guarded name.',
    lines: [['X_Okapi_Tenant', 'supertenant']],
  },
]

/** Headers that a proxy accepts as an identity if it trusts whatever is in front of it. */
const claimedIdentity = callAttack({
  id: 'claimed-identity',
  group: 'headers',
  title: 'a name in X-Sidecar-* and mesh headers',
  meaning: 'A header replaces the certificate: its writer can take any identity.',
  remedy: 'Take no identity from headers.',
  against: 'module',
  calls: ({ trustDomain, stolenId, ordinaryPath }) => {
    const uri = `spiffe://${trustDomain}/module/${stolenId}`
    return [
      {
        target: ordinaryPath,
        more: [
          ['X-Sidecar-Caller', stolenId],
          ['X-Forwarded-Client-Cert', `URI=${uri}`],
          ['X-SSL-Client-Verify', 'SUCCESS'],
          ['X-SSL-Client-S-DN', `CN=${stolenId}`],
        ],
      },
    ]
  },
})

/** Header lines: forged, doubled, disguised. */
export const HEADER_ATTACKS: readonly Attack[] = [
  ...ROWS.map(headerAttack),
  ...FORGED_HEADER_ATTACKS,
  ...DIRECT_HEADER_ATTACKS,
  claimedIdentity,
  ...ANSWER_ATTACKS,
]
