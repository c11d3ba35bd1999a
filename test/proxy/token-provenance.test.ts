import test from 'ava'
import { SeenTokens, seenTokensMemory } from '../../src/proxy/seen-tokens.ts'
import { TokenProvenance } from '../../src/proxy/token-provenance.ts'
import { type ListenerName, MODULE, memoryListener, OpenPolicy } from '../support/listeners.ts'

const HOUR_MS = 3_600_000
const LIFE_MS = 24 * HOUR_MS
/** Who sends at `egress` and `okapi` (test/support/listeners.ts). */
const CALLER = 'mod-a-1.0.0'
const get = (target: string, ...lines: string[]) =>
  `GET ${target} HTTP/1.1\r\n${['Host: x', 'X-Okapi-Tenant: diku', ...lines].join('\r\n')}\r\n\r\n`
const answer = (...lines: string[]) =>
  `HTTP/1.1 201 Created\r\n${['Content-Length: 0', ...lines].join('\r\n')}\r\n\r\n`

/** Okapi calls MODULE, or `toCaller`. */
function target(name: ListenerName | 'toCaller'): string {
  return name === 'toCaller' ? `/${CALLER}/a` : name === 'modules' ? `/${MODULE}/a` : '/a'
}

function installation(mode: 'report' | 'enforce' = 'enforce', graceMs = 0) {
  const clock = { now: performance.now() }
  const memory = seenTokensMemory({ tokensPerModule: 256, modules: 4 })
  const seen = new SeenTokens(memory, LIFE_MS)
  const tokens = new TokenProvenance({ mode, seen, clock, graceMs, lifeMs: LIFE_MS })
  const policy = new OpenPolicy()
  return {
    clock,
    policy,
    tokens,
    /** What becomes of a request with these lines at this listener: the reason, or '' where it goes on. */
    async sends(name: ListenerName | 'toCaller', ...lines: string[]): Promise<string> {
      const { socket, told, pool } = memoryListener(name === 'toCaller' ? 'modules' : name, {
        policy,
        tokens,
      })
      await socket.arrive(get(target(name), ...lines))
      const reason = told[0]?.reason ?? ''
      if (reason === '') pool.connect()
      socket.destroy()
      return reason
    },
    /** Okapi answers a request of the module with these lines. */
    async isAnswered(name: ListenerName, ...lines: string[]): Promise<void> {
      const { socket, pool } = memoryListener(name, { policy, tokens })
      await socket.arrive(get('/authn/login'))
      await pool.answer(pool.connect(), answer(...lines))
      socket.destroy()
    },
  }
}

const NOT_SEEN = 'token-not-seen-here'

test('a token that Okapi did not send is refused, in every form in which Okapi takes one', async (t) => {
  const { sends } = installation()
  for (const name of ['egress', 'okapi'] as const) {
    t.is(await sends(name, 'X-Okapi-Token: abc.def.ghi'), NOT_SEEN)
    t.is(await sends(name, 'Authorization: Bearer abc.def.ghi'), NOT_SEEN)
    t.is(await sends(name, 'Authorization: abc.def.ghi'), NOT_SEEN)
    t.is(await sends(name, `X-Okapi-Token: ${'x'.repeat(9000)}`), NOT_SEEN)
    t.is(await sends(name), '', 'no token is no token')
    t.is(await sends(name, 'X-Okapi-Token:'), '')
    t.is(await sends(name, 'Authorization: Bearer'), NOT_SEEN, 'Okapi takes the word for the token')
  }
})

test('what Okapi sends to a module, that module may send, and no other', async (t) => {
  const { sends } = installation()
  t.is(await sends('modules', 'X-Okapi-Token: of-module-b'), '')
  // The callers of these tests are mod-a, and MODULE is another.
  t.is(await sends('okapi', 'X-Okapi-Token: of-module-b'), NOT_SEEN)
  const own = installation()
  t.is(await own.sends('toCaller', 'X-Okapi-Token: of-module-a'), '')
  for (const name of ['egress', 'okapi'] as const) {
    t.is(await own.sends(name, 'X-Okapi-Token: of-module-a'), '')
    t.is(await own.sends(name, 'Authorization: Bearer of-module-a'), '')
    t.is(await own.sends(name, 'Authorization: of-module-a'), '')
    t.is(await own.sends(name, 'Authorization: Bearer   of-module-a'), '')
    // Okapi reads `Bearer ` with a capital letter and one blank, and takes all else whole.
    t.is(await own.sends(name, 'Authorization: bearer of-module-a'), NOT_SEEN)
    t.is(await own.sends(name, 'Authorization: Bearer of-module-a x'), NOT_SEEN)
    t.is(await own.sends(name, 'Authorization: Bearer x of-module-a'), NOT_SEEN)
    t.is(await own.sends(name, 'X-Okapi-Token: of-module-A'), NOT_SEEN)
    t.is(await own.sends(name, 'X-Okapi-Token: of-module-a.'), NOT_SEEN)
  }
})

test('where both stand, both are judged', async (t) => {
  const { sends, isAnswered } = installation()
  await isAnswered('okapi', 'X-Okapi-Token: good')
  t.is(await sends('okapi', 'X-Okapi-Token: good', 'Authorization: Bearer good'), '')
  t.is(await sends('okapi', 'X-Okapi-Token: good', 'Authorization: Bearer bad'), NOT_SEEN)
  t.is(await sends('okapi', 'X-Okapi-Token: bad', 'Authorization: Bearer good'), NOT_SEEN)
})

test('what comes in an answer to a module, it may send', async (t) => {
  for (const name of ['egress', 'okapi'] as const) {
    const { sends, isAnswered } = installation()
    await isAnswered(
      name,
      'X-Okapi-Token: legacy',
      'Set-Cookie: folioRefreshToken=refresh; Path=/authn; HttpOnly',
      'Set-Cookie: folioAccessToken=access; Max-Age=600; Path=/; Secure; HttpOnly',
    )
    t.is(await sends(name, 'X-Okapi-Token: legacy'), '')
    t.is(await sends(name, 'X-Okapi-Token: access'), '')
    t.is(await sends(name, 'X-Okapi-Token: refresh'), NOT_SEEN)
    t.is(await sends(name, 'X-Okapi-Token: folioAccessToken=access'), NOT_SEEN)
  }
})

test('what a module sends is not remembered, nor what browsers and unproven callers send', async (t) => {
  const { sends } = installation()
  const token = 'X-Okapi-Token: stolen'
  for (let i = 0; i < 3; i++) {
    t.is(await sends('egress', token), NOT_SEEN)
    t.is(await sends('okapi', token), NOT_SEEN)
  }
  for (const name of ['public', 'plainToOkapi', 'plainToModule', 'direct'] as const) {
    t.is(await sends(name, token), '', `${name} is not judged`)
  }
  t.is(await sends('okapi', token), NOT_SEEN)
})

test('a token ends with its life, and lives on when Okapi sends it again', async (t) => {
  const { sends, isAnswered, clock } = installation()
  await isAnswered('okapi', 'X-Okapi-Token: for-ever')
  clock.now += LIFE_MS - 5000
  t.is(await sends('okapi', 'X-Okapi-Token: for-ever'), '')
  await isAnswered('okapi', 'X-Okapi-Token: for-ever')
  clock.now += LIFE_MS - 5000
  t.is(await sends('okapi', 'X-Okapi-Token: for-ever'), '')
  clock.now += 10_000
  t.is(await sends('okapi', 'X-Okapi-Token: for-ever'), NOT_SEEN)
})

test('in report mode and in the grace after a start it passes, and is told', async (t) => {
  const { sends } = installation('report')
  t.is(await sends('okapi', 'X-Okapi-Token: unknown'), '')
  const grace = installation('enforce', HOUR_MS)
  t.is(await grace.sends('okapi', 'X-Okapi-Token: unknown'), '')
  t.true(grace.tokens.graceMs > 0)
  grace.clock.now += HOUR_MS + 1000
  t.is(grace.tokens.graceMs, 0)
  t.is(await grace.sends('okapi', 'X-Okapi-Token: unknown'), NOT_SEEN)
})

test('a grant: tokens of named modules, which Okapi’s sidecar knows, or any', async (t) => {
  const { sends, policy } = installation()
  await sends('modules', 'X-Okapi-Token: of-module-b')
  policy.tokens = ['mod-c-1.0.0']
  t.is(await sends('okapi', 'X-Okapi-Token: of-module-b'), NOT_SEEN)
  policy.tokens = ['mod-c-1.0.0', MODULE]
  t.is(await sends('okapi', 'X-Okapi-Token: of-module-b'), '')
  t.is(await sends('okapi', 'X-Okapi-Token: unknown'), NOT_SEEN)
  t.is(await sends('egress', 'X-Okapi-Token: unknown'), '', 'its own sidecar cannot know')
  policy.tokens = 'any'
  t.is(await sends('okapi', 'X-Okapi-Token: unknown'), '')
})

const jwt = (claims: object) =>
  `e30.${Buffer.from(JSON.stringify({ tenant: 'diku', ...claims })).toString('base64url')}.c`

test('a browser or a person does not send the token of a module, in whatever form', async (t) => {
  const own = jwt({ type: 'module', sub: 'anna', module: 'mod-users-1.0.0' })
  const old = jwt({ sub: 'anna', module: 'mod-users-1.0.0', extra_permissions: [] })
  const authtokens = jwt({ type: 'dummy', dummy: true, sub: '_AUTHZ_MODULE_' })
  const { sends } = installation('enforce', HOUR_MS)
  for (const token of [own, old, authtokens]) {
    t.is(await sends('public', `X-Okapi-Token: ${token}`), NOT_SEEN)
    t.is(await sends('public', `Authorization: Bearer ${token}`), NOT_SEEN)
    t.is(await sends('public', `Authorization: ${token}`), NOT_SEEN)
    t.is(await sends('public', `Cookie: a=b; folioAccessToken=${token}; c=d`), NOT_SEEN)
    // Netty takes the quotes off (CookieUtil.unwrapValue).
    t.is(await sends('public', `Cookie: folioAccessToken="${token}"`), NOT_SEEN)
    t.is(await sends('public', `Cookie: folioAccessToken=x; folioAccessToken=${token}`), NOT_SEEN)
  }
  for (const token of [
    jwt({ type: 'access', sub: 'anna', user_id: '1' }),
    jwt({ type: 'legacy-access', sub: 'anna' }),
    // The link of a reset password.
    jwt({ type: 'dummy', dummy: true, sub: 'UNDEFINED_USER__1', extra_permissions: ['x'] }),
    'no-jwt',
  ]) {
    t.is(await sends('public', `X-Okapi-Token: ${token}`), '')
    t.is(await sends('public', `Cookie: folioAccessToken=${token}`), '')
  }
  t.is(await sends('plainToOkapi', `X-Okapi-Token: ${own}`), '', 'a module without a sidecar')
  t.is(await installation('report').sends('public', `X-Okapi-Token: ${own}`), '')
})
