import { join } from 'node:path'
import test from 'ava'
import {
  ask,
  get,
  ID,
  Installation,
  runTool,
  token,
  verdictOf,
  withTool,
} from '../support/scenario.ts'

// A thief of a module's key needs no sidecar of its own to call Okapi's: what that sidecar would
// have taken off is refused there.

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes, ID.users] })
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(() => installation?.close())

const withCurl = withTool('curl')
const withOpenssl = withTool('openssl')
const T = 'X-Okapi-Tenant: diku'

const FORBIDDEN = [
  'X-Okapi-Permissions: ["users.all"]',
  'x-okapi-permissions-required: []',
  'X-Okapi-Module-Permissions: {}',
  'X-Okapi-Extra-Permissions: []',
  'X-Okapi-Module-Tokens: {}',
  'X-Okapi-Filter: auth',
  'X-Okapi-Auth-Result: 200',
  'X-Okapi-Handler-Headers: {}',
  'X-Okapi-Url: http://evil',
  'X-Okapi-Url-to: http://evil',
  'X-Okapi-Trace: 1',
  'X-Okapi-request-ip: 10.0.0.1',
  'X-Okapi-Match-Path-Pattern: /users',
  'X-Okapi-Additional-Token: x',
  'X-Okapi-Stop: true',
  'X-Okapi-Unheard-Of: 1',
  'X-Okapi-User-Id: admin',
  'X-Sidecar-Caller: okapi-7.2.0',
  'Cookie: a=1; folioAccessToken=stolen',
  'Authtoken-Refresh-Cache: true',
  'Forwarded: for=10.0.0.1',
  'X-Forwarded-For: 10.0.0.1',
  'X-Forwarded-Client-Cert: By=x',
  'X-Real-IP: 10.0.0.1',
  'X-Original-URL: /_/proxy/tenants',
  'X-Rewrite-URL: /_/proxy/tenants',
  'Client-Cert: :AAAA:',
  'Client-Cert-Chain: :AAAA:',
  'Proxy: http://evil',
  'X-HTTP-Method-Override: DELETE',
]

test.serial(
  'at Okapi’s ingress each forbidden line is refused, and nothing of it arrives',
  async (t) => {
    const where = await installation.ingress(ID.okapi, ID.notes)
    for (const line of FORBIDDEN) {
      t.is(verdictOf(await ask(where, get('/users/1', T, line))), '403 forbidden-header', line)
    }
    t.is(installation.okapi.bytes, '')
    const like = [
      'X-Okapi-Request-Id: 1',
      'X-Original-Thing: /',
      'Cookie: a=1',
      `X-Okapi-Token: ${token({})}`,
    ]
    t.is(verdictOf(await ask(where, get('/users/1', T, ...like))), '200')
    t.is(installation.okapi.requests.length, 1)
  },
)

test.serial(
  'a module that has a sidecar may echo all of them: they are taken off in silence',
  async (t) => {
    const answered = await ask(
      installation.egress(ID.notes),
      get('/users/1', T, ...FORBIDDEN, 'X-Last: 1'),
    )
    t.is(verdictOf(answered), '200')
    const ours = /^(Host|traceparent|X-Sidecar-Exchange):/
    const arrived = installation.okapi.last.lines.filter((line) => !ours.test(line))
    t.deepEqual(arrived, ['Cookie: a=1', T, 'X-Last: 1'])
  },
)

/** curl with the certificate of one member: status, and what a sidecar refused for. */
async function curl(at: string, as: string, target: string, ...lines: string[]): Promise<string> {
  const { port, certificate } = await installation.ingress(at, as)
  const { out, err, code } = await runTool('curl', [
    '--silent',
    '--show-error',
    '--http1.1',
    '--path-as-is',
    '--cacert',
    join(certificate, 'ca.crt'),
    '--cert',
    join(certificate, 'tls.crt'),
    '--key',
    join(certificate, 'tls.key'),
    '--write-out',
    '\n%{http_code} %header{x-sidecar-refused}',
    ...lines.flatMap((line) => ['--header', line]),
    `https://127.0.0.1:${port}${target}`,
  ])
  if (code !== 0) throw new Error(err)
  return out.split('\n').at(-1)?.trim() ?? ''
}

withCurl(
  'curl with the key of mod-notes: forged permissions are refused, without them it passes',
  async (t) => {
    const forged = 'X-Okapi-Permissions: ["users.all"]'
    t.is(await curl(ID.okapi, ID.notes, '/users/1', T, forged), '403 forbidden-header')
    t.is(installation.okapi.bytes, '')
    t.is(await curl(ID.okapi, ID.notes, '/users/1', T), '200')
    t.is(installation.okapi.last.first, 'GET /users/1 HTTP/1.1')
  },
)

withCurl(
  'curl with the key of mod-notes: no other module lets it in, with Okapi’s it is let in',
  async (t) => {
    const users = installation.module(ID.users)
    users.forget()
    t.is(await curl(ID.users, ID.notes, '/users/1', T), '403 caller-not-allowed')
    t.is(users.bytes, '')
    t.is(await curl(ID.users, ID.okapi, '/users/1', T), '200')
  },
)

withCurl('curl: a path trick is refused, the plain path passes', async (t) => {
  t.is(await curl(ID.okapi, ID.notes, '/users/../_/proxy/tenants', T), '400 ambiguous-target')
  t.is(await curl(ID.okapi, ID.notes, '/users/%2e%2e/_/proxy/tenants', T), '400 ambiguous-target')
  t.is(installation.okapi.bytes, '')
  t.is(await curl(ID.okapi, ID.notes, '/users/_', T), '200')
})

/** One request by s_client; `as` null shows no certificate. */
async function sClient(at: string, as: string | null, text: string): Promise<string> {
  const { port, certificate } = await installation.ingress(at, as ?? ID.notes)
  const shown = ['-cert', join(certificate, 'tls.crt'), '-key', join(certificate, 'tls.key')]
  const { out } = await runTool(
    'openssl',
    [
      's_client',
      '-quiet',
      '-connect',
      `127.0.0.1:${port}`,
      '-CAfile',
      join(certificate, 'ca.crt'),
      '-verify_return_error',
      ...(as === null ? [] : shown),
    ],
    text,
  )
  return out
}

withOpenssl(
  's_client with the key of mod-notes: the administration is shut, users is open',
  async (t) => {
    const last = 'Connection: close'
    t.regex(
      await sClient(ID.okapi, ID.notes, get('/_/proxy/tenants', T, last)),
      /^HTTP\/1\.1 403 [\s\S]*X-Sidecar-Refused: admin-route\r\n/,
    )
    t.is(installation.okapi.bytes, '')
    t.regex(await sClient(ID.okapi, ID.notes, get('/users', T, last)), /^HTTP\/1\.1 200 OK\r\n/)
  },
)

withOpenssl('s_client without a certificate: one fixed 403, whatever it says', async (t) => {
  const asked = get('/users', T, 'Connection: close')
  const refused = await sClient(ID.okapi, null, asked)
  t.regex(refused, /^HTTP\/1\.1 403 /)
  t.regex(refused, /no-certificate/)
  t.is(installation.okapi.bytes, '')
  t.regex(await sClient(ID.okapi, ID.notes, asked), /^HTTP\/1\.1 200 OK\r\n/)
})
