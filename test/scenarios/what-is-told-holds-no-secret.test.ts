import test from 'ava'
import {
  answer,
  ask,
  get,
  ID,
  Installation,
  OK,
  request,
  runTool,
  Talk,
  token,
  verdictOf,
  withTool,
} from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  const log = { level: 'trace' }
  const more = { [ID.okapi]: { log }, [ID.notes]: { log }, [ID.users]: { log } }
  installation = await Installation.open({ modules: [ID.notes, ID.users], more })
})
test.beforeEach(() => {
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'
const ALL = [ID.notes, ID.okapi, ID.users]

const SECRETS = {
  token: token({ user_id: 'planted-in-the-token', tenant: 'diku' }),
  claim: 'planted-in-the-token',
  authorization: 'planted-as-authorization',
  cookie: 'planted-in-a-cookie',
  query: 'planted-in-the-query',
  body: 'planted-in-the-body',
  header: 'planted-in-a-header',
  answer: 'planted-in-the-answer',
  answerHeader: 'planted-in-a-header-of-the-answer',
  setCookie: 'planted-in-a-set-cookie',
}

const PLANTED = [
  T,
  `X-Okapi-Token: ${SECRETS.token}`,
  `Cookie: a=${SECRETS.cookie}; folioAccessToken=${SECRETS.cookie}`,
  `X-Mine: ${SECRETS.header}`,
]

function sentTo(target: string, requestId: string, ...more: string[]): string {
  const lines = [...PLANTED, `X-Okapi-Request-Id: ${requestId}`, ...more]
  return request(`POST ${target}?q=${SECRETS.query}`, lines, SECRETS.body)
}

test.serial(
  'secrets of calls, allowed and refused, are in no line; the request id is',
  async (t) => {
    const said = [`X-Mine: ${SECRETS.answerHeader}`, `Set-Cookie: b=${SECRETS.setCookie}`]
    const replies = () => answer('200 OK', said, SECRETS.answer)
    installation.okapi.reply = replies
    installation.module(ID.users).reply = replies
    const calls = [
      [installation.egress(ID.notes), '/users', '200'],
      [installation.egress(ID.notes), `/users/7/undeclared`, '404 route-not-declared'],
      [installation.egress(ID.notes), '/tags', '403 interface-not-required'],
      [installation.egress(ID.notes), `/users/7%2f`, '400 ambiguous-target'],
      [installation.modules, `/${ID.users}/users`, '200'],
      [installation.modules, `/${ID.users}/users/7/undeclared`, '403 route-not-declared'],
    ] as const
    for (const [i, [port, target, verdict]] of calls.entries()) {
      t.is(verdictOf(await ask(port, sentTo(target, `planted-request-${i}`))), verdict)
    }
    // A direct call with the key of mod-notes: its identity is proven, its words are not repeated.
    const direct = await installation.ingress(ID.okapi, ID.notes)
    const authorization = `Authorization: Bearer ${SECRETS.authorization}`
    const wrong = sentTo('/users', 'planted-request-direct', authorization).replace(
      /X-Okapi-Token: .*\r\n/,
      '',
    )
    t.is(verdictOf(await ask(direct, wrong)), '403 forbidden-header')
    await installation.sidecar(ID.notes).exchange('planted-request-3')
    await installation.sidecar(ID.okapi).exchange('planted-request-direct')
    await installation.sidecar(ID.users).exchange('planted-request-4')
    await installation.sidecar(ID.okapi).exchange('planted-request-5')
    const everything = ALL.map(
      (id) => installation.sidecar(id).out + installation.sidecar(id).err,
    ).join('')
    for (const [what, secret] of Object.entries(SECRETS)) {
      t.false(everything.includes(secret), what)
    }
    t.true(everything.includes('planted-request-0'))
    t.true(everything.includes('planted-request-direct'))
  },
)

test.serial('exactly one line for each exchange, at each sidecar that it passed', async (t) => {
  const talk = new Talk(installation.egress(ID.notes))
  t.teardown(() => talk.close())
  const ids = Array.from({ length: 20 }, (_, i) => `one-line-${i}`)
  for (const id of ids) {
    const target = id.endsWith('7') ? '/tags' : '/users'
    talk.send(get(target, T, `X-Okapi-Request-Id: ${id}`))
  }
  for (const _ of ids) await talk.next()
  for (const id of [ID.notes, ID.okapi]) {
    const sidecar = installation.sidecar(id)
    // Lines are in order, so behind the last one there is none of these any more.
    await ask(installation.egress(ID.notes), get('/users', T, 'X-Okapi-Request-Id: the-last'))
    await sidecar.exchange('the-last')
    const told = sidecar.lines.filter(({ requestId }) => requestId?.startsWith('one-line-'))
    const passed = ids.filter((each) => id === ID.notes || !each.endsWith('7'))
    t.deepEqual(
      told.map(({ requestId }) => requestId),
      passed,
    )
  }
})

test.serial(
  'a head that cannot be read is told, and nothing of the request before it',
  async (t) => {
    const talk = new Talk(installation.egress(ID.notes))
    talk.send(get('/users/1', T, 'X-Okapi-Request-Id: the-one-before', 'Origin: https://before'))
    t.is(verdictOf(await talk.next()), '200')
    talk.send('GET /users/1 HTTP/1.1\r\nbroken\r\n\r\n')
    const refused = await talk.next()
    t.is(verdictOf(refused), '400 ambiguous-header')
    t.notRegex(refused.lines.join() + refused.body, /the-one-before|https:\/\/before/)
    await talk.end()
    const { requestId } = JSON.parse(refused.body)
    const line = await installation.sidecar(ID.notes).exchange(requestId)
    t.is(line.tenant, undefined)
    t.is(line.route, undefined)
    t.is(line.rule, undefined)
    t.is(line.method, undefined)
    t.is(line.status, 400)
  },
)

test.serial('text from a caller cannot break a line of the log', async (t) => {
  const odd = 'X-Okapi-Request-Id: a"b\\u0000\\\\},{"level":"fatal'
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users', T, odd))), '200')
  // Every line was parsed as JSON on its way here.
  const [line] = await installation
    .sidecar(ID.notes)
    .say(({ requestId }) => requestId?.startsWith('a"b') === true)
  t.is(line?.level, 'info')
})

async function admin(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${installation.sidecar(ID.notes).port('admin')}${path}`, init)
}

test.serial('live and ready, for GET and HEAD alone, and nothing else is there', async (t) => {
  t.is((await admin('/live')).status, 200)
  t.deepEqual(await (await admin('/ready')).json(), { ready: true })
  t.is((await admin('/ready', { method: 'HEAD' })).status, 200)
  t.is((await admin('/ready', { method: 'POST' })).status, 405)
  for (const path of ['/', '/status', '/users', '/live/', '/metrics/?a', '/_/tenant']) {
    t.is((await admin(path)).status, 404, path)
  }
})

test.serial('the metrics count, with labels from closed sets only', async (t) => {
  await ask(installation.egress(ID.notes), get('/tags', T))
  const page = await (await admin('/metrics')).text()
  t.regex(page, /^sidecar_requests_total\{direction="egress",[^}]*\} [1-9]/m)
  t.regex(
    page,
    /^sidecar_refusals_total\{direction="egress",reason="interface-not-required"\} [1-9]/m,
  )
  t.regex(page, /^sidecar_credentials_generation 1$/m)
  t.regex(page, /^sidecar_policy_info\{[^}]*mode="enforce"[^}]*\} 1$/m)
  t.regex(page, /^sidecar_certificate_not_after_timestamp_seconds\{[^}]*\} \d+/m)
  t.regex(page, /^sidecar_connections_open\{direction="egress"\} \d/m)
  for (const planted of [...Object.values(SECRETS), '/users', 'diku', 'planted']) {
    t.false(page.includes(planted), planted)
  }
})

withTool('openssl')('a refused handshake is counted by its reason, and logged', async (t) => {
  const { port } = await installation.ingress(ID.notes, ID.okapi)
  await runTool('openssl', ['s_client', '-quiet', '-connect', `127.0.0.1:${port}`], get('/notes'))
  const page = await (await admin('/metrics')).text()
  t.regex(page, /^sidecar_handshake_failures_total\{reason="no-certificate"\} [1-9]/m)
  t.regex(page, /^sidecar_refusals_total\{direction="ingress",reason="no-certificate"\} [1-9]/m)
  const [line] = await installation.sidecar(ID.notes).say(({ msg }) => msg === 'peer refused')
  t.is(line?.reason, 'no-certificate')
})
