import type { Attack } from '../attack.ts'
import { type CallRow, callAttack } from '../calls.ts'
import { honest } from '../http.ts'

const SUPERTENANT = 'Refuse supertenant, named or implied, from modules.'
const ONE_USER = '11111111-1111-4111-8111-111111111111'
const OTHER_USER = '22222222-2222-4222-8222-222222222222'

/** Okapi reads a token's claims without verifying them; so does a sidecar that compares them. */
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
    id: 'tenant-against-token',
    title: 'a token of another tenant',
    meaning: 'Where mod-authtoken is not enabled the call is served, with a token of any tenant.',
    remedy: 'Hold X-Okapi-Tenant against the token (policy.tenants: enforce).',
    calls: (context) => [
      {
        target: context.ordinaryPath,
        lines: honest({
          ...context,
          tenant: `${context.tenant}x`,
          token: context.token ?? unsignedToken(context.tenant),
        }),
      },
    ],
  },
  {
    id: 'tenant-without-token',
    title: 'no token, for a tenant not served',
    meaning: 'What needs no permission is answered to any caller for every tenant.',
    remedy: 'Let modules call without a token only for tenants that they serve.',
    calls: ({ target, ordinaryPath, tenant }) => [
      { target: ordinaryPath, lines: honest({ target, tenant: `${tenant}x` }) },
    ],
  },
  {
    id: 'tenant-twice',
    title: 'two tenants in one header line',
    meaning: 'One reader takes them for one odd tenant, another for two.',
    remedy: 'Refuse a tenant that is not one name.',
    calls: (context) => [
      {
        target: context.ordinaryPath,
        lines: honest({ ...context, tenant: `${context.tenant}, supertenant` }),
      },
    ],
  },
  {
    id: 'tenant-odd-letters',
    title: 'supertenant in look-alike letters',
    meaning: 'A reader that folds letters takes it for the supertenant.',
    remedy: 'Refuse a tenant with other letters than ASCII.',
    calls: (context) =>
      // Full-width letters, a dotless letter and a soft hyphen, in UTF-8.
      ['ｓｕｐｅｒｔｅｎａｎｔ', 'supertena\u00adnt'].map((odd) => ({
        target: context.ordinaryPath,
        lines: honest({ ...context, tenant: Buffer.from(odd).toString('latin1') }),
      })),
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

/** Tenants and tokens: the limits that Okapi's sidecar sets for a hijacked module. */
export const TENANT_ATTACKS: readonly Attack[] = ROWS.map((row) =>
  callAttack({ ...row, group: 'tenants', needs: ['credentials'], against: 'okapi' }),
)
