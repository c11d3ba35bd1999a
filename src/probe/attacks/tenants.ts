import type { Attack } from '../attack.ts'
import { type CallRow, callAttack } from '../calls.ts'
import { honest } from '../http.ts'

const SUPERTENANT = 'Refuse supertenant, named or implied, from modules.'
const ONE_USER = '11111111-1111-4111-8111-111111111111'
const OTHER_USER = '22222222-2222-4222-8222-222222222222'

/** Okapi reads a token's claims without its key; so does a sidecar that compares them. */
function unsignedToken(tenant: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { type: 'access', tenant, sub: 'probe', user_id: ONE_USER }
  return `${encode({ alg: 'HS256' })}.${encode(claims)}.${'A'.repeat(43)}`
}

const ROWS: readonly CallRow[] = [
  {
    id: 'invoke-tenant-mismatch',
    title: '/_/invoke and header name two tenants',
    meaning: 'Okapi adds a second header: one reader serves one tenant, another the other.',
    remedy: 'Refuse a tenant header beside /_/invoke that differs from it.',
    calls: ({ tenant, ordinaryPath }) => [{ target: `/_/invoke/tenant/${tenant}x${ordinaryPath}` }],
  },
  // ProxyService.parseTokenAndPopulateContext.
  {
    id: 'supertenant-implied',
    title: 'no tenant at all',
    meaning: 'Without header and token Okapi takes the supertenant.',
    remedy: SUPERTENANT,
    calls: (context) => [
      {
        target: context.ordinaryPath,
        lines: honest(context).filter(([name]) => !/^X-Okapi-T/.test(name)),
      },
    ],
  },
  {
    id: 'supertenant-named',
    title: 'X-Okapi-Tenant: supertenant',
    meaning: 'In the supertenant, Okapi’s administration is often open to all.',
    remedy: SUPERTENANT,
    calls: (context) => [
      { target: context.ordinaryPath, lines: honest({ ...context, tenant: 'supertenant' }) },
    ],
  },
  {
    id: 'user-id-against-token',
    title: 'a user id that the token denies',
    meaning: 'The audit log shows one user, the token is of another.',
    remedy: 'Refuse X-Okapi-User-Id beside a token of another user.',
    calls: (context) => [
      {
        target: context.ordinaryPath,
        lines: [
          ...honest({ ...context, token: unsignedToken(context.tenant) }),
          ['X-Okapi-User-Id', OTHER_USER],
        ],
      },
    ],
  },
]

/** Tenants and tokens: what Okapi's sidecar holds a hijacked module to. */
export const TENANT_ATTACKS: readonly Attack[] = ROWS.map((row) =>
  callAttack({ ...row, group: 'tenants', needs: ['credentials'], against: 'okapi' }),
)
