import http from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { Agent, request as undici } from 'undici'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  OK,
  runTool,
  Talk,
  verdictOf,
  withTool,
} from '../support/scenario.ts'

const PROBE = new URL('../fixtures/java/Probe.java', import.meta.url).pathname

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes, ID.users] })
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'

function url(target: string): string {
  return `http://localhost:${installation.egress(ID.notes)}${target}`
}

withTool('java')('Java’s HttpClient offers h2c and is served as HTTP/1.1', async (t) => {
  const { out, err, code } = await runTool('java', [
    PROBE,
    url('/users?a'),
    url('/users?b'),
    url('/tags'),
  ])
  t.is(code, 0, err)
  const [first, second, third] = out.trim().split('\n')
  t.is(first, '200 HTTP_1_1 ok')
  t.is(second, '200 HTTP_1_1 ok')
  t.regex(third ?? '', /^403 HTTP_1_1 .*interface-not-required/)
  t.is(installation.okapi.requests.length, 2)
  for (const request of installation.okapi.requests) {
    t.is(field(request, 'Upgrade'), undefined)
    t.is(field(request, 'HTTP2-Settings'), undefined)
    t.is(field(request, 'Connection'), undefined)
    t.is(request.body, '{}')
  }
})

test.serial('an offer of h2c is not made up: hop-by-hop lines end here', async (t) => {
  const offer = [
    'Connection: Upgrade, HTTP2-Settings, X-Mine',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABk',
  ]
  const mine = [
    'Sec-WebSocket-Key1: 1',
    'sec_websocket_key2: 2',
    'X-Mine: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Authorization: x',
    'TE: trailers',
  ]
  t.is(
    verdictOf(
      await ask(installation.egress(ID.notes), get('/users', T, ...offer, ...mine, 'X-Stays: 1')),
    ),
    '200',
  )
  const names = installation.okapi.last.lines.map((line) => line.split(':', 1)[0])
  t.deepEqual(
    names.filter((name) => name !== 'traceparent'),
    ['Host', 'X-Sidecar-Exchange', 'X-Okapi-Tenant', 'X-Stays'],
  )
})

withTool('curl')('curl, with a body that it announces with Expect', async (t) => {
  installation.okapi.partly = (sent, socket) => {
    if (sent.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
  }
  t.teardown(() => {
    installation.okapi.partly = () => {}
  })
  const body = 'x'.repeat(2_000_000)
  const args = [
    '--silent',
    '--show-error',
    '--header',
    T,
    '--data-binary',
    '@-',
    '--write-out',
    ' %{http_code}',
  ]
  const { out, err, code } = await runTool('curl', [...args, url('/users')], body)
  t.is(code, 0, err)
  t.is(out, 'ok 200')
  t.is(field(installation.okapi.last, 'Expect'), '100-continue')
  t.is(installation.okapi.last.body, body)
})

withTool('curl')('curl as nginx speaks: HTTP/1.0', async (t) => {
  const args = ['--silent', '--http1.0', '--include', '--header', T, url('/users')]
  const { out } = await runTool('curl', args)
  t.regex(out, /^HTTP\/1\.1 200 OK\r\n/)
  t.regex(out, /\r\n\r\nok$/)
})

test.serial(
  'HTTP/1.0 without Host, as nginx speaks by default: closed after the answer',
  async (t) => {
    const talk = new Talk(installation.egress(ID.notes))
    talk.send(`GET /users HTTP/1.0\r\n${T}\r\nConnection: close\r\n\r\n`)
    const answered = await talk.next()
    t.is(verdictOf(answered), '200')
    t.is(await talk.end(), '')
    // The next leg is HTTP/1.1 with a Host of ours.
    t.is(installation.okapi.last.first, 'GET /users HTTP/1.1')
    t.is(field(installation.okapi.last, 'Host'), `127.0.0.1:${installation.okapi.port}`)
  },
)

test.serial('an answer in chunks reaches HTTP/1.0 without them', async (t) => {
  installation.okapi.reply = () =>
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(`GET /users HTTP/1.0\r\n${T}\r\nConnection: keep-alive\r\n\r\n`)
  const all = await talk.end()
  t.false(/transfer-encoding/i.test(all))
  t.regex(all, /\r\nConnection: close\r\n/)
  t.regex(all, /\r\n\r\nabcde$/)
})

test.serial('HTTP/1.0 that asks for it keeps its connection', async (t) => {
  const talk = new Talk(installation.egress(ID.notes))
  t.teardown(() => talk.close())
  for (let i = 0; i < 2; i++) {
    talk.send(`GET /users/${i} HTTP/1.0\r\n${T}\r\nConnection: keep-alive\r\n\r\n`)
    const answered = await talk.next()
    t.is(field(answered, 'Connection'), 'keep-alive')
    t.is(answered.body, 'ok')
  }
})

test.serial('Node’s own client with a pool, and undici', async (t) => {
  const agent = new http.Agent({ keepAlive: true })
  const dispatcher = new Agent()
  t.teardown(() => {
    agent.destroy()
    return dispatcher.close()
  })
  installation.okapi.reply = ({ first }) => answer('200 OK', [], first)
  for (let i = 0; i < 3; i++) {
    const headers = { 'X-Okapi-Tenant': 'diku' }
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get(url(`/users/${i}`), { agent, headers }, resolve).on('error', reject)
    })
    t.is(await text(response), `GET /users/${i} HTTP/1.1`)
    const { body } = await undici(url(`/users/${i}`), { dispatcher, headers })
    t.is(await body.text(), `GET /users/${i} HTTP/1.1`)
  }
})

test.serial('fetch, by the name localhost', async (t) => {
  const response = await fetch(url('/users'), { headers: { 'X-Okapi-Tenant': 'diku' } })
  t.is(await response.text(), 'ok')
})

withTool('openssl')(
  's_client types a request by hand at a module’s ingress, as Okapi',
  async (t) => {
    const { port, certificate } = await installation.ingress(ID.users, ID.okapi)
    const asked = (version: string) =>
      runTool(
        'openssl',
        [
          ...['s_client', '-quiet', version, '-connect', `127.0.0.1:${port}`],
          ...['-cert', join(certificate, 'tls.crt'), '-key', join(certificate, 'tls.key')],
          ...['-CAfile', join(certificate, 'ca.crt'), '-verify_return_error'],
        ],
        get('/users/1', T, 'Connection: close'),
      )
    for (const version of ['-tls1_2', '-tls1_3']) {
      const { out } = await asked(version)
      t.regex(out, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/, version)
    }
    t.is((await asked('-tls1_1')).out, '')
  },
)
