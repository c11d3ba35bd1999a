import net from 'node:net'
import test from 'ava'
import type { StatusFacts } from '../../src/observe/status/facts.ts'
import { metric, metricsOf, until } from '../support/scenario/metrics.ts'
import {
  ask,
  field,
  fields,
  get,
  ID,
  Installation,
  type Message,
  readMessage,
  request,
  runTool,
  Talk,
  token,
  verdictOf,
  withTool,
} from '../support/scenario.ts'
import { typed } from '../support/typed.ts'

// Modules that have no sidecar yet call Okapi here, from listed addresses. 127.0.0.1 is listed,
// 127.0.0.2 and ::1 are not.

const UNTIL = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)}Z`
const T = 'X-Okapi-Tenant: diku'

let installation: Installation
let listener: number

test.before(async () => {
  // All addresses of both families, as a pod would: IPv4 callers come as ::ffff:127.0.0.1.
  const migration = { listen: '0.0.0.0:0', from: ['127.0.0.1'], until: UNTIL, why: 'moving over' }
  const log = { level: 'info', access: false }
  const limits = { connectionsPerPeer: 4, headerBytes: 4096 }
  installation = await Installation.open({
    modules: [ID.users],
    more: { [ID.okapi]: { migration, log, limits } },
  })
  listener = installation.sidecar(ID.okapi).port('plain')
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(() => installation?.close())

/** What comes back to a caller from this address. */
function from(localAddress: string, text: string): Promise<Message> {
  const host = localAddress.includes(':') ? '::1' : '127.0.0.1'
  const socket = net.connect({ host, port: listener, localAddress })
  let received = ''
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`no whole answer: ${received}`)))
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      const message = readMessage(received)
      if (message === undefined) return
      resolve(message)
      socket.destroy()
    })
    socket.write(text)
  })
}

test.serial('an ordinary call of a listed address passes, its bytes untouched', async (t) => {
  const target = '/users?query=name%3D%22a*%22'
  t.is(
    verdictOf(await ask(listener, get(target, T, 'aCCept: b', `X-Okapi-Token: ${token({})}`))),
    '200',
  )
  t.is(installation.okapi.last.first, `GET ${target} HTTP/1.1`)
  t.true(installation.okapi.last.lines.includes('aCCept: b'))
  t.deepEqual(fields(installation.okapi.last, 'X-Okapi-Tenant'), ['diku'])
})

test.serial(
  'the same call from an address that is not listed is refused, and told nothing',
  async (t) => {
    t.is(verdictOf(await from('127.0.0.1', get('/users', T))), '200')
    installation.okapi.forget()
    const refused = await from('127.0.0.2', get('/users', T))
    t.is(verdictOf(refused), '403 caller-not-allowed')
    t.notRegex(refused.body, /127\.0\.0|migration|because|detail|wouldAllow/)
    t.is(installation.okapi.bytes, '')
  },
)

test.serial('an IPv6 spelling of an address does not evade the list', async (t) => {
  try {
    t.is(verdictOf(await from('::1', get('/users', T))), '403 caller-not-allowed')
  } catch (error) {
    // A machine without IPv6 has no such way at all.
    t.regex(String(error), /EADDRNOTAVAIL|ECONNREFUSED|EAFNOSUPPORT/)
  }
  t.is(installation.okapi.bytes, '')
})

test.serial('headers about the caller’s address change nothing', async (t) => {
  const claims = ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'X-Client-IP', 'True-Client-IP']
  const lines = claims.map((name) => `${name}: ${name === 'Forwarded' ? 'for=' : ''}127.0.0.1`)
  t.is(verdictOf(await from('127.0.0.2', get('/users', T, ...lines))), '403 caller-not-allowed')
  const proxied = `PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n${get('/users', T)}`
  t.is(verdictOf(await from('127.0.0.2', proxied)), '403 caller-not-allowed')
  t.is(verdictOf(await ask(listener, proxied)), '400 malformed-request')
  t.is(installation.okapi.bytes, '')
})

test.serial('nothing of Okapi’s administration passes, nor what Stripes may ask', async (t) => {
  for (const path of [
    '/_/version',
    '/_/proxy/tenants',
    '/_/proxy/tenants/diku/modules',
    '/_/discovery/modules',
    '/_/env',
    '/_/invoke/tenant/diku/users',
    '/_/jsonSchemas',
  ]) {
    t.is(verdictOf(await ask(listener, get(path, T))), '403 admin-route', path)
  }
  for (const path of ['/_/discovery/modules', '/_/tenant', '/_/invoke/tenant/diku/saml/login']) {
    t.is(
      verdictOf(await ask(listener, request(`POST ${path}`, [T], '{}'))),
      '403 admin-route',
      path,
    )
  }
  t.is(installation.okapi.bytes, '')
})

test.serial(
  'calls of a module with an auth filter are refused, and so are undeclared routes',
  async (t) => {
    const tokens = await ask(listener, request('POST /token', [T], '{}'))
    t.is(verdictOf(tokens), '403 caller-not-allowed')
    t.is(verdictOf(await ask(listener, get('/nowhere', T))), '404 route-not-declared')
    t.is(verdictOf(await ask(listener, request('OPTIONS /users', [T]))), '403 route-not-declared')
    t.is(verdictOf(await ask(listener, request('CONNECT /users', [T]))), '400 malformed-request')
    t.is(installation.okapi.bytes, '')
  },
)

test.serial('supertenant, named or implied, is refused', async (t) => {
  for (const lines of [
    ['X-Okapi-Tenant: supertenant'],
    [],
    [`X-Okapi-Token: ${token({ tenant: 'supertenant' })}`],
  ]) {
    t.is(verdictOf(await ask(listener, get('/users', ...lines))), '403 tenant-not-allowed')
  }
  t.is(installation.okapi.bytes, '')
})

test.serial('an identity that is only claimed is taken off, and gains nothing', async (t) => {
  const lines = [
    'X-Okapi-Permissions: ["okapi.all"]',
    'X-Okapi-User-Id: anna',
    'X-Okapi-Module-Permissions: {}',
    'X-Forwarded-Client-Cert: URI=spiffe://folio.test/module/okapi-7.2.0',
    'X-Sidecar-Caller: okapi-7.2.0',
  ]
  t.is(verdictOf(await ask(listener, get('/users', T, ...lines))), '200')
  const { lines: arrived } = installation.okapi.last
  for (const line of lines) t.false(arrived.includes(line), line)
  t.is(verdictOf(await ask(listener, get('/_/env', T, ...lines))), '403 admin-route')
})

test.serial('a user id passes only beside a token that names the user', async (t) => {
  const user = 'X-Okapi-User-Id: anna'
  const named = (id: string) => `X-Okapi-Token: ${token({ tenant: 'diku', user_id: id })}`
  t.is(verdictOf(await ask(listener, get('/users', T, user, named('anna')))), '200')
  t.deepEqual(fields(installation.okapi.last, 'X-Okapi-User-Id'), ['anna'])
  t.is(
    verdictOf(await ask(listener, get('/users', T, user, named('berta')))),
    '403 forbidden-header',
  )
})

test.serial('the listener speaks no TLS, no HTTP/2 and no link', async (t) => {
  const hello = Buffer.from('16030100c8010000c40303', 'hex').toString('latin1')
  const talk = new Talk(listener).send(hello.padEnd(300, 'a'))
  await talk.end()
  t.false(talk.received.startsWith('\x16'))
  const h2 = await ask(listener, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  t.regex(verdictOf(h2), /^(400|505) /)
  const upgrade = ['Connection: Upgrade', 'Upgrade: okapi-sidecar/1']
  t.is(verdictOf(await ask(listener, get('/users', T, ...upgrade))), '200')
  t.deepEqual(fields(installation.okapi.last, 'Upgrade'), [])
})

test.serial(
  'bytes that two readers could understand differently are refused here too',
  async (t) => {
    const H = `Host: a\r\n${T}\r\n`
    for (const [text, verdict] of [
      [`GET /users/..%2f_%2fenv HTTP/1.1\r\n${H}\r\n`, '400 ambiguous-target'],
      [`GET //_/env HTTP/1.1\r\n${H}\r\n`, '400 ambiguous-target'],
      [`GET /users/../_/env HTTP/1.1\r\n${H}\r\n`, '400 ambiguous-target'],
      [`GET http://a/users HTTP/1.1\r\n${H}\r\n`, '400 ambiguous-target'],
      [`GET /users HTTP/1.1\r\n${H}X-Okapi-Tenant: supertenant\r\n\r\n`, '400 ambiguous-header'],
      [
        `POST /users HTTP/1.1\r\n${H}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        '400 ambiguous-header',
      ],
      [
        `POST /users HTTP/1.1\r\n${H}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
        '400 ambiguous-header',
      ],
      [`GET /users HTTP/1.1\r\n${H}A: ${'b'.repeat(5000)}\r\n\r\n`, '431 too-large'],
    ] as const) {
      const talk = new Talk(listener).send(`${text}${get('/users', T)}`)
      t.is(verdictOf(await talk.next()), verdict, text)
      t.is(await talk.end(), '', 'the connection is closed, what follows is not answered')
    }
    t.is(installation.okapi.bytes, '')
  },
)

/** What was closed here is closed there too: one address has four places. */
function quiet(): Promise<void> {
  const open = 'sidecar_connections_open{direction="plain"}'
  return until(async () => (await metric(installation.sidecar(ID.okapi), open)) === 0)
}

test.serial('one address has no more connections than one peer', async (t) => {
  await quiet()
  const open = Array.from({ length: 4 }, () => new Talk(listener).send(get('/users', T)))
  for (const talk of open) t.is(verdictOf(await talk.next()), '200')
  t.is(verdictOf(await ask(listener, get('/users', T))), '429 too-many')
  const okapi = installation.sidecar(ID.okapi)
  t.is(await metric(okapi, 'sidecar_limits_hit_total{limit="connectionsPerPeer"}'), 1)
  for (const talk of open) talk.close()
  await quiet()
  t.is(verdictOf(await ask(listener, get('/users', T))), '200')
})

test.serial('every exchange is logged and counted as `plain`, with log.access off', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  const counted = 'sidecar_requests_total{direction="plain",status_class="2xx"}'
  await quiet()
  const before = await metric(okapi, counted)
  const id = (name: string) => `X-Okapi-Request-Id: ${name}`
  await ask(listener, get('/users/42', T, id('passed')))
  await ask(listener, get('/_/env', T, id('stopped')))
  await ask(installation.modules, get(`/${ID.users}/users/42`, T, id('of-okapi')))
  t.is(await metric(okapi, counted), before + 1)
  const [passed] = await okapi.say(({ requestId }) => requestId === 'passed')
  t.like(passed, {
    direction: 'plain',
    caller: 'plain/127.0.0.1',
    route: '/users/{id}',
    tenant: 'diku',
    status: 200,
  })
  const [stopped] = await okapi.say(({ requestId }) => requestId === 'stopped')
  t.like(stopped, { direction: 'plain', caller: 'plain/127.0.0.1', reason: 'admin-route' })
  t.false(okapi.lines.some(({ requestId }) => requestId === 'of-okapi'))
  const page = await metricsOf(okapi)
  t.regex(page, /sidecar_refusals_total\{direction="plain",reason="admin-route"\} [1-9]/)
  t.regex(page, /sidecar_refusals_total\{direction="plain",reason="caller-not-allowed"\} [1-9]/)
  const [turned] = await okapi.say(
    ({ msg, reason }) => msg === 'peer refused' && reason === 'caller-not-allowed',
  )
  t.regex(String(turned?.because), /^127\.0\.0\.2 is not in migration\.from$/)
})

test.serial('log, status, metrics and check say that it is open, and until when', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  const at = UNTIL.slice(0, 16).replace('T', ' ')
  const [ready] = await okapi.say(({ msg }) => msg === 'ready')
  t.is(Date.parse(String(ready?.plainUntil)), Date.parse(UNTIL))
  const [warned] = await okapi.say(
    ({ msg, level }) => msg === 'migration listener opened' && level === 'warn',
  )
  t.like(warned, { open: true, why: 'moving over' })
  const seconds = await metric(okapi, 'sidecar_migration_until_timestamp_seconds')
  t.is(seconds * 1000, Date.parse(UNTIL))
  const status = `http://127.0.0.1:${okapi.port('status')}`
  const facts = (await (await fetch(`${status}/status.json`)).json()) as StatusFacts
  t.like(facts.migration, { open: true, untilMs: Date.parse(UNTIL), why: 'moving over' })
  t.deepEqual(facts.migration?.from, ['127.0.0.1'])
  t.true(facts.peers.some(({ name }) => name === 'plain/127.0.0.1'))
  const page = await (await fetch(`${status}/`)).text()
  t.true(page.includes(`the migration listener is open until ${at} UTC for 127.0.0.1`))
  const said = await typed(['status', status])
  t.true(
    said.stdout.includes(`the migration listener is open until ${at} UTC for 127.0.0.1`),
    said.stdout + said.stderr,
  )
})

const withCurl = withTool('curl')

withCurl('curl is served, and says what it gets', async (t) => {
  const url = (path: string) => `http://127.0.0.1:${listener}${path}`
  const args = ['-s', '-o', '/dev/null', '-H', T, '-w', '%{http_code} %header{x-sidecar-refused}']
  t.is((await runTool('curl', [...args, url('/users')])).out.trim(), '200')
  const stopped = await runTool('curl', [...args, url('/_/proxy/tenants')])
  t.regex(stopped.out, /^403/)
  const other = ['--interface', '127.0.0.2', ...args, url('/users')]
  t.regex((await runTool('curl', other)).out, /^403/)
})

test.serial('what Okapi answers is passed on', async (t) => {
  installation.okapi.reply = () =>
    'HTTP/1.1 201 Created\r\nLocation: /users/1\r\nContent-Length: 0\r\n\r\n'
  const created = await ask(listener, request('POST /users', [T], '{}'))
  t.is(verdictOf(created), '201')
  t.is(field(created, 'Location'), '/users/1')
})

test.serial('the probe tells that its address is listed, and gets no further', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  const ports = `plain=${listener},module=1,egress=1,admin=${okapi.port('admin')},status=1`
  const target = `https://127.0.0.1:${okapi.port('ingress')}`
  const only = 'plain-stranger,plain-administration,plain-supertenant'
  const args = ['--expect', 'okapi', '--path', '/users', '--tenant', 'diku', '--ports', ports]
  await quiet()
  const probe = await typed(['probe', target, ...args, '--only', only, '--json'])
  t.is(probe.code, 1, probe.stderr)
  const { attacks } = JSON.parse(probe.stdout) as { attacks: { id: string; outcome: string }[] }
  t.deepEqual(Object.fromEntries(attacks.map(({ id, outcome }) => [id, outcome])), {
    'plain-administration': 'blocked',
    'plain-stranger': 'got-through',
    'plain-supertenant': 'blocked',
  })
})
