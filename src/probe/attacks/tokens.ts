import type { Attack } from '../attack.ts'
import { type CallRow, callAttack } from '../calls.ts'
import type { Context } from '../context.ts'
import { honest, type Lines } from '../http.ts'

const REMEDY = 'Set policy.tokens: enforce at Okapi’s sidecar.'

/** Unsigned, and new in each run: a target that accepts it does not check where it came from. */
function unheardOf({ tenant }: Context): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const sub = `probe-${crypto.randomUUID()}`
  const claims = { type: 'access', tenant, sub, user_id: crypto.randomUUID() }
  return `${encode({ alg: 'HS256' })}.${encode(claims)}.${'A'.repeat(43)}`
}

/** The honest lines with this token, in the form that `line` gives it. */
function sending(context: Context, line: (token: string) => Lines[number], token = ''): Lines {
  const { target, tenant } = context
  return [...honest({ target, tenant }), line(token)]
}

const asHeader = (token: string) => ['X-Okapi-Token', token] as const
const asBearer = (token: string) => ['Authorization', `Bearer ${token}`] as const
const asBare = (token: string) => ['Authorization', token] as const

const ROWS: readonly CallRow[] = [
  {
    id: 'token-never-seen',
    title: 'a token that was sent to no module',
    meaning: 'A hijacked module can use every token that it finds or makes.',
    remedy: REMEDY,
    calls: (context) => {
      const token = unheardOf(context)
      return [asHeader, asBearer, asBare].map((line) => ({
        target: context.ordinaryPath,
        lines: sending(context, line, token),
      }))
    },
  },
  {
    id: 'harvested-user-token',
    title: 'a user’s token from elsewhere',
    meaning: 'A hijacked module acts as a user who never used it.',
    remedy: REMEDY,
    needs: ['credentials', 'user-token'],
    calls: (context) =>
      [asHeader, asBearer, asBare].map((line) => ({
        target: context.ordinaryPath,
        lines: sending(context, line, context.harvested?.user),
      })),
  },
  {
    id: 'harvested-module-token',
    title: 'another module’s token',
    meaning:
      'A hijacked module has the permissions of another one, and for ever: such tokens never expire.',
    remedy: REMEDY,
    needs: ['credentials', 'module-token'],
    calls: (context) =>
      [asHeader, asBearer].map((line) => ({
        target: context.ordinaryPath,
        lines: sending(context, line, context.harvested?.module),
      })),
  },
  {
    id: 'token-after-its-life',
    title: 'a token that came long ago',
    meaning: 'What a module was sent once it can use for ever.',
    remedy: 'Set policy.tokenSeenMs at Okapi’s sidecar to the time that jobs take.',
    needs: ['credentials', 'old-token'],
    calls: (context) =>
      [asHeader, asBearer].map((line) => ({
        target: context.ordinaryPath,
        lines: sending(context, line, context.harvested?.old),
      })),
  },
]

/** Tokens that Okapi has not sent to the hijacked module, or not lately. */
export const TOKEN_ATTACKS: readonly Attack[] = ROWS.map((row) =>
  callAttack({ needs: ['credentials'], ...row, group: 'tenants', against: 'okapi' }),
)
