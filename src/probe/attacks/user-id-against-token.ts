import { callAttack } from '../call-attack.ts'
import { honest } from '../http.ts'

const ONE = '11111111-1111-4111-8111-111111111111'
const OTHER = '22222222-2222-4222-8222-222222222222'

/** Okapi reads a token's claims without its key; so does whoever compares them. */
function unsigned(tenant: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { type: 'access', tenant, sub: 'probe', user_id: ONE }
  return `${encode({ alg: 'HS256' })}.${encode(claims)}.${'A'.repeat(43)}`
}

export const userIdAgainstToken = callAttack({
  id: 'user-id-against-token',
  group: 'tenants',
  title: 'a user id that the token denies',
  meaning: 'The audit log shows one user, the token is of another.',
  remedy: 'Refuse X-Okapi-User-Id beside a token of another user.',
  needs: ['credentials'],
  against: 'okapi',
  calls: (context) => [
    {
      target: context.ordinaryPath,
      lines: [
        ...honest({ ...context, token: unsigned(context.tenant) }),
        ['X-Okapi-User-Id', OTHER],
      ],
    },
  ],
})
