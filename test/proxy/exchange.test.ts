import test from 'ava'
import { healthOf } from '../../src/proxy/health.ts'
import { type Refusal, refuse } from '../../src/refusal/refusal.ts'
import { LISTENER_RULES } from '../support/listener-rules.ts'
import { type ListenerName, MODULE, memoryListener, OpenPolicy } from '../support/listeners.ts'
import { settled } from '../support/memory-socket.ts'
import { until } from '../support/patience.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (target: string, lines = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${lines}\r\n`
const ALL = Object.keys(LISTENER_RULES) as ListenerName[]
const jwt = (payload: unknown) =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c`

test('the target goes on byte for byte, the query too; Host is ours', async (t) => {
  const { socket, pool, policy } = memoryListener('okapi')
  const target = '/Users/%C3%A4?query=name%3D"a..b%2F"//;#x'
  await socket.arrive(get(target, 'X-Okapi-Tenant: diku\r\naCCept: b\r\n'))
  const { sent } = pool.connect()
  t.true(sent.startsWith(`GET ${target} HTTP/1.1\r\nHost: upstream:1\r\n`))
  t.true(sent.includes('\r\naCCept: b\r\n'))
  t.deepEqual(policy.asked, [
    { method: 'GET', path: '/Users/%C3%A4', tenant: 'diku', moduleId: undefined },
  ])
})

test('the tenant that Okapi will take: header, claim, supertenant', async (t) => {
  for (const [lines, tenant] of [
    ['X-Okapi-Tenant: a\r\n', 'a'],
    [`X-Okapi-Token: ${jwt({ tenant: 'b' })}\r\n`, 'b'],
    [`Authorization: Bearer ${jwt({ tenant: 'c' })}\r\n`, 'c'],
    [`X-Okapi-Tenant: a\r\nX-Okapi-Token: ${jwt({ tenant: 'b' })}\r\n`, 'a'],
    ['', 'supertenant'],
  ] as const) {
    for (const listener of [
      'egress',
      'okapi',
      'public',
      'plainToModule',
      'plainToOkapi',
    ] as const) {
      const { socket, policy } = memoryListener(listener)
      await socket.arrive(get('/a', `${lines}X-Okapi-Module-Id: mod-x-1.0.0\r\n`))
      t.is(policy.asked[0]?.tenant, tenant)
      t.is(policy.asked[0]?.moduleId, 'mod-x-1.0.0')
      socket.destroy()
    }
  }
  const cookie = `Cookie: a=b; folioAccessToken=${jwt({ tenant: 'd' })}\r\n`
  const other = `Authorization: Bearer ${jwt({ tenant: 'c' })}\r\n`
  for (const [listener, lines, tenant] of [
    // A link that a browser follows has no header (okapi-core TokenHeader).
    ['public', cookie, 'd'],
    ['public', `${cookie}X-Okapi-Tenant: a\r\n`, 'a'],
    ['public', `${cookie}${other}`, 'c'],
    // Past Okapi supertenant is not implied where no tenant is named.
    ['direct', '', ''],
    ['direct', cookie, ''],
    ['direct', other, 'c'],
    ['direct', `${other}X-Okapi-Tenant: a\r\n`, 'a'],
    // The cookie does not go on from a module.
    ['egress', cookie, 'supertenant'],
    ['okapi', cookie, 'supertenant'],
    ['plainToOkapi', cookie, 'supertenant'],
  ] as const) {
    const { socket, policy } = memoryListener(listener)
    await socket.arrive(get('/a', lines))
    t.is(policy.asked[0]?.tenant, tenant, `${listener} ${lines}`)
    socket.destroy()
  }
  const { socket, policy } = memoryListener('ingress')
  await socket.arrive(get('/a', 'X-Okapi-Tenant: a\r\n'))
  t.is(policy.asked[0]?.tenant, undefined, 'what Okapi says at a module’s ingress is not judged')
})

test('/_/invoke/tenant/{t}/: the tenant beside it is taken off when equal, refused when not', async (t) => {
  const { socket, pool, policy, told } = memoryListener('okapi')
  await socket.arrive(get('/_/invoke/tenant/diku/saml', 'X-Okapi-Tenant: diku\r\nA: b\r\n'))
  const upstream = pool.connect()
  t.false(upstream.sent.includes('X-Okapi-Tenant'))
  t.is(policy.asked[0]?.tenant, 'diku')
  await pool.answer(upstream, OK)
  await socket.arrive(get('/_/invoke/tenant/diku/saml', 'X-Okapi-Tenant: other\r\n'))
  t.is(told[1]?.reason, 'tenant-mismatch')
  await socket.arrive(get('/_/invoke/tenant/diku/saml'))
  t.is(policy.asked.at(-1)?.tenant, 'diku')
})

test('odd paths are refused before policy is asked, and the connection closed', async (t) => {
  for (const listener of ALL) {
    const prefix = listener === 'modules' ? `/${MODULE}` : ''
    for (const path of [
      '/a//b',
      '/a/../b',
      '/a%2fb',
      '/a;b',
      '/a\\b',
      '/a%',
      '/a#b',
      '/.',
      '/%00',
      '/%61',
      '/%0d%0a',
      '/%c0%af',
    ]) {
      const { socket, policy, told } = memoryListener(listener)
      await socket.arrive(get(prefix + path) + get(`${prefix}/next`))
      t.regex(socket.sent, /^HTTP\/1.1 400 .*Connection: close\r\n/s)
      t.is(policy.asked.length, 0)
      t.deepEqual(
        told.map(({ reason }) => reason),
        ['ambiguous-target'],
      )
    }
  }
})

test('a call that the policy refuses is refused; its connection is used on', async (t) => {
  const policy = new OpenPolicy()
  const { socket, told } = memoryListener('okapi', { policy })
  const refusal = refuse('route-not-declared', 'no module declares it')
  policy.decide = ({ path }) =>
    path === '/no'
      ? {
          allow: false,
          refusal,
          rule: null,
          nearest: null,
          caller: '',
          at: '',
          provider: null,
          interface: null,
          route: null,
          routePattern: '',
          because: '',
        }
      : {}
  await socket.arrive(get('/no', 'X-Okapi-Request-Id: r1\r\n') + get('/no'))
  // Each refused request of one read has its own turn.
  await until(() => socket.sent.match(/HTTP\/1.1 403 /g)?.length === 2)
  t.deepEqual(
    told.map(({ reason }) => reason),
    ['route-not-declared', 'route-not-declared'],
  )
  t.false(socket.writableEnded)
})

test('the log line of an unreadable request holds nothing of the request before', async (t) => {
  const { socket, pool, told } = memoryListener('okapi')
  const lines = 'X-Okapi-Tenant: diku\r\nX-Okapi-Request-Id: secret\r\nOrigin: https://a\r\n'
  await socket.arrive(get('/a', lines))
  await pool.answer(pool.connect(), OK)
  await socket.arrive('GET /b HTTP/1.1\r\n\r\n')
  t.deepEqual(told[0], {
    status: 200,
    reason: '',
    tenant: 'diku',
    requestId: 'secret',
    at: 'okapi',
    route: '/route',
    callerOutcome: '',
  })
  const { requestId, ...second } = told[1]!
  t.deepEqual(second, {
    status: 400,
    reason: 'malformed-request',
    tenant: undefined,
    at: '',
    route: '',
    callerOutcome: '',
  })
  t.not(requestId, 'secret')
  const answer = socket.sent.slice(OK.length)
  t.false(answer.includes('secret'))
  t.false(answer.includes('https://a'))
})

test('limits.exchanges: one more is refused, and counted down again', async (t) => {
  const { pool, connect, told } = memoryListener('okapi', { limits: { exchanges: 1 } })
  const [a, b] = [connect(), connect()]
  await a.arrive(get('/a'))
  await b.arrive(get('/b'))
  t.regex(b.sent, /^HTTP\/1.1 503 /)
  await pool.answer(pool.connect(), OK)
  await b.arrive('rubbish \r\n\r\n')
  const c = connect()
  await c.arrive(get('/c'))
  await pool.answer(pool.sockets[0]!, OK)
  t.is(c.sent, OK)
  t.deepEqual(
    told.map(({ status }) => status),
    [503, 200, 400, 200],
  )
})

test('an interface that is sensitive is not stored', async (t) => {
  const policy = new OpenPolicy()
  policy.decide = () => ({ sensitivity: 'high' })
  const { socket, pool } = memoryListener('ingress', { policy })
  await socket.arrive(get('/a'))
  await pool.answer(pool.connect(), OK)
  t.true(socket.sent.includes('\r\nCache-Control: no-store\r\n'))
})

function health(answer: Refusal | null, later = false) {
  const policy = new OpenPolicy()
  policy.decide = () => ({ health: true })
  const done: ((refusal: Refusal | null) => void)[] = []
  const connectionCheck = (tell: (refusal: Refusal | null) => void) => {
    if (later) done.push(tell)
    else tell(answer)
  }
  return {
    ...memoryListener('ingress', { policy, health: healthOf(MODULE, connectionCheck) }),
    done,
  }
}

test('Okapi’s health question is answered by us, and the module sees nothing of it', async (t) => {
  const up = health(null)
  await up.socket.arrive(get('/') + get('/'))
  await until(() => up.socket.sent.match(/"status":"UP"/g)?.length === 2)
  t.is(up.pool.dials, 0)
  const down = health(refuse('module-unavailable', 'nothing listens'))
  await down.socket.arrive(get('/'))
  t.regex(down.socket.sent, /^HTTP\/1.1 503 /)
  const odd = health(null)
  await odd.socket.arrive(get('/?a=b'))
  t.is(odd.told[0]?.reason, 'route-not-declared')
})

test('however many ask whether the module is there, it gets one connection for all of them', async (t) => {
  const { connect, done } = health(null, true)
  const first = connect()
  await first.arrive(get('/'))
  t.is(done.length, 1)
  const others = Array.from({ length: 50 }, connect)
  await Promise.all(others.map((socket) => socket.arrive(get('/'))))
  t.is(done.length, 1)
  done[0]!(null)
  // Those that asked while it was under way get what the next one says.
  await until(() => done.length === 2)
  t.regex(first.sent, /^HTTP\/1.1 200 /)
  t.true(others.every(({ sent }) => sent === ''))
  done[1]!(refuse('module-unavailable', 'nobody listens'))
  await until(() => others.every(({ sent }) => sent.startsWith('HTTP/1.1 503 ')))
  t.is(done.length, 2)
})

test('a body behind the health question is never read as a request', async (t) => {
  const { socket, told, policy } = health(null)
  const inner = get('/inner')
  await socket.arrive(get('/', `Content-Length: ${inner.length}\r\n`) + inner)
  t.is(told.length, 1)
  t.is(policy.asked.length, 1)
  // It was read whole before anything was answered, so that the connection is of further use.
  t.false(socket.sent.includes('Connection: close'))

  const half = health(null)
  await half.socket.arrive(get('/', `Content-Length: ${inner.length + 1}\r\n`) + inner)
  t.is(half.policy.asked.length, 1)
  t.true(half.socket.sent.includes('Connection: close'))

  const late = health(null, true)
  await late.socket.arrive(get('/', `Content-Length: ${inner.length}\r\n`) + inner)
  late.done[0]!(null)
  await settled()
  t.is(late.policy.asked.length, 1)
  t.regex(late.socket.sent, /^HTTP\/1.1 200 /)
})

test('a caller that leaves before the health answer gets none', async (t) => {
  const { socket, told, done } = health(null, true)
  await socket.arrive(get('/'))
  socket.destroy()
  await settled()
  done[0]!(null)
  t.deepEqual(
    told.map(({ status }) => status),
    [0],
  )
})

test('by the migration listener no more than its share is open, and the places are given back', async (t) => {
  const { pool, connect, told } = memoryListener('plainToModule', {
    limits: { exchangesToModule: 2 },
  })
  const [one, two] = [connect(), connect()]
  await one.arrive(get('/a'))
  await two.arrive(get('/a'))
  t.deepEqual(
    told.map(({ status, reason }) => `${status} ${reason}`),
    ['503 overloaded'],
  )
  await pool.answer(pool.connect(), OK)
  await two.arrive(get('/a'))
  await pool.answer(pool.connect(), OK)
  t.is(told.length, 3)
  t.is(told[2]?.status, 200)
  // The refused ones gave theirs back too.
  await one.arrive(get('/a'))
  await pool.answer(pool.connect(), OK)
  t.is(told[3]?.status, 200)
})

test('the share of the migration listener limits no other listener', async (t) => {
  const { connect, told } = memoryListener('ingress', { limits: { exchangesToModule: 3 } })
  for (const each of [connect(), connect(), connect()]) await each.arrive(get('/a'))
  t.deepEqual(told, [])
})
