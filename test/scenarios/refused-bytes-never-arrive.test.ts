import test from 'ava'
import { ask, ID, Installation, verdictOf } from '../support/scenario.ts'

// Each refusal has a twin that is allowed, with exactly one thing changed. Of the refused one Okapi's
// recorder, or the module's, must not hold one byte.

let installation: Installation

test.before(async () => {
  installation = await Installation.open({
    modules: [ID.notes, ID.users],
    more: {
      [ID.notes]: { limits: { requestLineBytes: 2048, headerBytes: 4096, headerCount: 20 } },
    },
  })
})
test.after.always(() => installation?.close())

interface Pair {
  readonly what: string
  readonly refused: string
  readonly verdict: string
  readonly twin: string
}

const H = 'Host: somewhere\r\nX-Okapi-Tenant: diku\r\n'
const GET = (target: string, lines = H) => `GET ${target} HTTP/1.1\r\n${lines}\r\n`
const POST = (lines: string, body: string) => `POST /users HTTP/1.1\r\n${H}${lines}\r\n${body}`

/** A refused path, and the same where it is allowed: in the query. */
function path(what: string, bad: string, good = bad): Pair {
  const verdict = '400 ambiguous-target'
  return { what, verdict, refused: GET(`/users/${bad}`), twin: GET(`/users/1?q=${good}`) }
}

function lines(what: string, verdict: string, bad: string, good: string): Pair {
  return { what, verdict, refused: GET('/users/1', bad), twin: GET('/users/1', good) }
}

const HEADER = '400 ambiguous-header'
const MALFORMED = '400 malformed-request'

const FROM_MODULE: readonly Pair[] = [
  path('an empty segment', 'a//b'),
  path('a segment that is two dots', '../users'),
  path('a segment that is a dot', './1'),
  path('a backslash', 'a\\b'),
  path('a semicolon', 'a;b'),
  path('an encoded slash', 'a%2Fb'),
  path('an encoded dot', '%2e%2e'),
  path('an encoded backslash', 'a%5cb'),
  path('an encoded NUL', 'a%00'),
  path('an encoded semicolon', 'a%3Bb'),
  path('an encoded hash', 'a%23b'),
  path('an encoded question mark', 'a%3Fb'),
  path('an encoded percent sign', 'a%25b'),
  path('a percent sign without digits', 'a%2', 'a%2'),
  {
    what: 'a hash',
    verdict: '400 ambiguous-target',
    refused: GET('/users/1#a'),
    twin: GET('/users/1'),
  },
  {
    what: 'a letter that is no ASCII',
    verdict: '400 ambiguous-target',
    refused: GET('/users/\xe9'),
    twin: GET('/users/%C3%A9'),
  },
  {
    what: 'a target with scheme and host',
    verdict: '400 ambiguous-target',
    refused: GET('http://somewhere/users/1'),
    twin: GET('/users/1'),
  },
  lines('two tenants', HEADER, `${H}X-Okapi-Tenant: diku\r\n`, `${H}X-Other: diku\r\n`),
  lines(
    'two tenants, spelled differently',
    HEADER,
    `${H}x-okapi-tenant: a\r\n`,
    `${H}x-tenant: a\r\n`,
  ),
  lines('a disguised tenant', HEADER, `${H}X_Okapi_Tenant: a\r\n`, `${H}X_Okap_Tenant: a\r\n`),
  lines(
    'two of Authorization',
    HEADER,
    `${H}Authorization: a\r\nAuthorization: b\r\n`,
    `${H}Authorization: a\r\n`,
  ),
  lines('two of Host', HEADER, `${H}Host: b\r\n`, `${H}X-Host: b\r\n`),
  lines('no Host', MALFORMED, 'X-Okapi-Tenant: diku\r\n', H),
  lines(
    'a Connection line that takes off the tenant',
    HEADER,
    `${H}Connection: X-Okapi-Tenant\r\n`,
    `${H}Connection: X-Other\r\n`,
  ),
  lines('a folded line', HEADER, `${H}X-A: b\r\n c\r\n`, `${H}X-A: b c\r\n`),
  lines('a blank before the colon', HEADER, `${H}X-A : b\r\n`, `${H}X-A: b\r\n`),
  lines('a bare line feed', HEADER, `${H}X-A: b\nX-B: c\r\n`, `${H}X-A: b\r\nX-B: c\r\n`),
  lines('a bare carriage return', HEADER, `${H}X-A: b\rc\r\n`, `${H}X-A: bc\r\n`),
  lines('a NUL in a value', HEADER, `${H}X-A: b\0c\r\n`, `${H}X-A: bc\r\n`),
  lines('a line without a name', HEADER, `${H}: b\r\n`, `${H}a: b\r\n`),
  lines('too many lines', '431 too-large', H + 'a: b\r\n'.repeat(19), H + 'a: b\r\n'.repeat(18)),
  lines(
    'too long a head',
    '431 too-large',
    `${H}a: ${'b'.repeat(4096)}\r\n`,
    `${H}a: ${'b'.repeat(2048)}\r\n`,
  ),
  {
    what: 'too long a target',
    verdict: '414 too-large',
    refused: GET(`/users/${'a'.repeat(2048)}`),
    twin: GET(`/users/${'a'.repeat(1024)}`),
  },
  {
    what: 'a version of long ago',
    verdict: '505 version-not-supported',
    refused: `GET /users/1 HTTP/1.2\r\n${H}\r\n`,
    twin: `GET /users/1 HTTP/1.1\r\n${H}\r\n`,
  },
  {
    what: 'Content-Length and Transfer-Encoding',
    verdict: HEADER,
    refused: POST('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    twin: POST('Transfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  },
  {
    what: 'two of Content-Length',
    verdict: HEADER,
    refused: POST('Content-Length: 2\r\nContent-Length: 2\r\n', '{}'),
    twin: POST('Content-Length: 2\r\nX-Content-Length: 2\r\n', '{}'),
  },
  {
    what: 'a Content-Length with a sign',
    verdict: HEADER,
    refused: POST('Content-Length: +2\r\n', '{}'),
    twin: POST('Content-Length: 2\r\n', '{}'),
  },
  {
    what: 'a Transfer-Encoding other than chunked',
    verdict: HEADER,
    refused: POST('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    twin: POST('Transfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  },
  {
    what: 'CONNECT',
    verdict: MALFORMED,
    refused: `CONNECT /users/1 HTTP/1.1\r\n${H}\r\n`,
    twin: GET('/users/1'),
  },
  {
    what: 'TRACE',
    verdict: MALFORMED,
    refused: `TRACE /users/1 HTTP/1.1\r\n${H}\r\n`,
    twin: GET('/users/1'),
  },
  {
    what: 'a route that no descriptor declares',
    verdict: '404 route-not-declared',
    refused: GET('/users/1/secrets'),
    twin: GET('/users/1'),
  },
  {
    what: 'a method that is not declared there',
    verdict: '403 route-not-declared',
    refused: GET('/users/1').replace('GET', 'PATCH'),
    twin: GET('/users/1').replace('GET', 'DELETE'),
  },
  {
    what: 'an interface that is not required',
    verdict: '403 interface-not-required',
    refused: GET('/tags/1'),
    twin: GET('/users/1'),
  },
  {
    what: 'a `multiple` interface of another module',
    verdict: '403 interface-not-required',
    refused: GET('/custom-fields', `${H}X-Okapi-Module-Id: ${ID.users}\r\n`),
    twin: GET('/users', `${H}X-Okapi-Module: ${ID.users}\r\n`),
  },
  {
    what: 'Okapi’s administration',
    verdict: '403 admin-route',
    refused: GET('/_/proxy/tenants'),
    twin: GET('/users'),
  },
  lines(
    'the supertenant',
    '403 tenant-not-allowed',
    'Host: a\r\nX-Okapi-Tenant: supertenant\r\n',
    'Host: a\r\nX-Okapi-Tenant: supertenan\r\n',
  ),
  lines('no tenant, which is the supertenant', '403 tenant-not-allowed', 'Host: a\r\n', H),
]

for (const { what, verdict, refused, twin } of FROM_MODULE) {
  test.serial(`from a module: ${what} is ${verdict}`, async (t) => {
    installation.okapi.forget()
    const where = installation.egress(ID.notes)
    t.is(verdictOf(await ask(where, refused)), verdict)
    t.is(installation.okapi.bytes, '')
    t.is(verdictOf(await ask(where, twin)), '200')
    // What arrives is the twin and nothing before it.
    t.is(installation.okapi.requests.length, 1)
    t.is(installation.okapi.bytes.indexOf(installation.okapi.last.first), 0)
  })
}

const AT_MODULE: readonly (Pair & { readonly as?: string })[] = [
  {
    what: 'a module that is not Okapi',
    as: ID.notes,
    verdict: '403 caller-not-allowed',
    refused: GET('/users/1'),
    twin: GET('/users/1'),
  },
  {
    what: 'a route that is not declared',
    verdict: '403 route-not-declared',
    refused: GET('/admin/jstack'),
    twin: GET('/users/1'),
  },
  {
    what: 'a path with an encoded slash',
    verdict: '400 ambiguous-target',
    refused: GET('/users/1%2f..'),
    twin: GET('/users/1?a=%2f..'),
  },
  {
    what: 'two tenants',
    verdict: HEADER,
    refused: GET('/users/1', `${H}x-okapi-tenant: other\r\n`),
    twin: GET('/users/1', H),
  },
]

for (const { what, as = ID.okapi, verdict, refused, twin } of AT_MODULE) {
  test.serial(`at a module’s ingress: ${what} is ${verdict}`, async (t) => {
    const users = installation.module(ID.users)
    users.forget()
    t.is(verdictOf(await ask(await installation.ingress(ID.users, as), refused)), verdict)
    t.is(users.bytes, '')
    t.is(verdictOf(await ask(await installation.ingress(ID.users, ID.okapi), twin)), '200')
    t.is(users.requests.length, 1)
    t.is(users.bytes.indexOf(users.last.first), 0)
  })
}

test.serial(
  'what follows a refused request on its connection does not arrive either',
  async (t) => {
    installation.okapi.forget()
    const smuggled = GET('/users/2')
    const answered = await ask(installation.egress(ID.notes), GET('/users/a%2fb') + smuggled)
    t.is(verdictOf(answered), '400 ambiguous-target')
    const both = await ask(installation.egress(ID.notes), GET('/users/1') + smuggled)
    t.is(verdictOf(both), '200')
    t.false(installation.okapi.bytes.includes('a%2fb'))
    t.is(installation.okapi.requests[0]?.first, 'GET /users/1 HTTP/1.1')
  },
)
