import test from 'ava'
import { MODULE, memoryListener, OpenPolicy } from '../support/listeners.ts'
import { settled } from '../support/memory-socket.ts'
import { healthMessage } from '../support/scenario/messages.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`

for (const [target, path, sent] of [
  [`/${MODULE}/users`, '/users', '/users'],
  [`/${MODULE}/users?a=/${MODULE}/`, '/users', `/users?a=/${MODULE}/`],
  [`/${MODULE}/${MODULE}/a`, `/${MODULE}/a`, `/${MODULE}/a`],
  [`/${MODULE}`, '/', '/'],
  [`/${MODULE}/`, '/', '/'],
  [`/${MODULE}/?a`, '/', '/?a'],
] as const) {
  test(`the first segment names the module and is taken off: ${target}`, async (t) => {
    const { socket, pool, policy } = memoryListener('modules')
    await socket.arrive(get(target))
    t.is(policy.asked[0]?.path, path)
    t.true(pool.connect().sent.startsWith(`GET ${sent} HTTP/1.1\r\nHost: b:8443\r\n`))
  })
}

for (const target of [
  '/',
  '//',
  '/mod-b',
  '/mod-b-1.0.1/users',
  '/MOD-B-1.0.0/users',
  `/${MODULE}x/users`,
  `/${MODULE};a/users`,
  `/${MODULE}%2fusers`,
  `/./${MODULE}/users`,
  `/x/${MODULE}/users`,
  '/__proto__/a',
  '/constructor',
  `/${MODULE}?a=b`,
  `/?/${MODULE}/users`,
]) {
  test(`a target that names no module leads nowhere: ${target}`, async (t) => {
    const { socket, pool, policy, told } = memoryListener('modules')
    await socket.arrive(get(target))
    t.is(policy.asked.length, 0)
    t.is(pool.dials, 0)
    t.is(told.length, 1)
    t.not(told[0]?.status, 200)
  })
}

test('an ambiguous path is judged from behind the module’s segment', async (t) => {
  const { socket, told } = memoryListener('modules')
  await socket.arrive(get(`/${MODULE}//users`))
  t.is(told[0]?.reason, 'ambiguous-target')
})

const UNREACHABLE =
  'HTTP/1.1 502 Bad\r\nX-Sidecar-Refused: upstream-unreachable\r\nContent-Length: 0\r\n\r\n'
const FORBIDDEN =
  'HTTP/1.1 403 No\r\nX-Sidecar-Refused: caller-not-allowed\r\nContent-Length: 0\r\n\r\n'

const OTHER =
  'HTTP/1.1 503 No\r\nX-Sidecar-Refused: module-unavailable\r\nContent-Length: 0\r\n\r\n'

test('a system call to an absent module gets no answer at all', async (t) => {
  for (const [target, system, answer, answered] of [
    [`/${MODULE}/_/tenant`, true, UNREACHABLE, false],
    [`/${MODULE}/_/tenant`, true, OTHER, false],
    [`/${MODULE}/users`, false, OTHER, true],
    [`/${MODULE}/_/tenant`, true, FORBIDDEN, true],
    [`/${MODULE}/_/tenant`, true, OK, true],
    [`/${MODULE}/users`, false, UNREACHABLE, true],
  ] as const) {
    const policy = new OpenPolicy()
    policy.decide = () => ({ system })
    const { socket, pool, told } = memoryListener('modules', { policy })
    await socket.arrive(get(target))
    await pool.answer(pool.connect(), answer)
    t.is(socket.sent !== '', answered, `${target} ${answer.slice(0, 12)}`)
    t.is(socket.destroyed, !answered)
    t.is(told.length, 1)
  }
})

test('for health only what the module itself answers is an answer', async (t) => {
  for (const [target, answer, message] of [
    [`/${MODULE}`, OK, 'OK'],
    [`/${MODULE}/`, OK, 'OK'],
    [`/${MODULE}`, UNREACHABLE, 'Fail: For input string: "0-module-unavailable"'],
    [`/${MODULE}/`, FORBIDDEN, 'Fail: For input string: "0-module-unavailable"'],
    [
      `/${MODULE}`,
      'HTTP/1.1 200 OK\r\nContent-L',
      'Fail: For input string: "0-upstream-unreachable"',
    ],
  ] as const) {
    const { socket, pool } = memoryListener('modules')
    await socket.arrive(get(target))
    const upstream = pool.connect()
    await pool.answer(upstream, answer)
    if (!upstream.destroyed) await upstream.arriveEnd()
    await settled()
    t.is(healthMessage(socket.sent), message, answer)
    t.is(socket.destroyed || socket.writableEnded, message !== 'OK', answer)
  }
})

test('a health question is asked although limits.exchanges are open', async (t) => {
  const { connect, told, policy } = memoryListener('modules', { limits: { exchanges: 1 } })
  const [running, other, asking] = [connect(), connect(), connect()]
  await running.arrive(get(`/${MODULE}/users`))
  await other.arrive(get(`/${MODULE}/users`))
  await asking.arrive(get(`/${MODULE}`))
  t.deepEqual(
    told.map(({ reason }) => reason),
    ['overloaded'],
  )
  t.deepEqual(
    policy.asked.map(({ path }) => path),
    ['/users', '/users', '/'],
  )
  t.is(asking.sent, '')
})

test('the same when the connection breaks', async (t) => {
  const policy = new OpenPolicy()
  policy.decide = () => ({ system: true })
  const { socket, pool } = memoryListener('modules', { policy })
  await socket.arrive(get(`/${MODULE}/_/tenant`))
  await pool.connect().arriveEnd()
  await settled()
  t.is(socket.sent, '')
  t.true(socket.destroyed)
})

test('a policy that is replaced is asked from then on, on connections of before too', async (t) => {
  for (const [listener, prefix] of [
    ['modules', `/${MODULE}`],
    ['okapi', ''],
  ] as const) {
    const { socket, pool, policy, policies } = memoryListener(listener)
    await socket.arrive(get(`${prefix}/a`))
    await pool.answer(pool.connect(), OK)
    const next = new OpenPolicy()
    policies.current = next
    await socket.arrive(get(`${prefix}/b`))
    await pool.answer(pool.sockets[0]!, OK)
    t.deepEqual(
      [policy, next].map(({ asked }) => asked.map(({ path }) => path)),
      [['/a'], ['/b']],
    )
  }
})
