import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import test from 'ava'
import { createAuthority, openAuthority } from '../../src/pki/ca.ts'
import { readMessage } from '../support/scenario/messages.ts'
import {
  fields,
  get,
  ID,
  Installation,
  type Message,
  request,
  token,
  verdictOf,
} from '../support/scenario.ts'

// What Stripes and load balancers send to Okapi: TLS with a certificate that browsers trust, nothing
// proven by the caller.

let installation: Installation
/** The folder of the certificate that browsers are shown, and of the CA it is from. */
let shown: string
let directory: string

/** As mod-agreements does, it takes whatever comes under its path. */
const ANY = {
  id: 'mod-any-1.0.0',
  provides: [
    {
      id: 'any',
      version: '1.0',
      handlers: [{ methods: ['*'], pathPattern: '/any/*', permissionsRequired: [] }],
    },
  ],
}

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'public-'))
  const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
  shown = (await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })).dir
  const browsers = { listen: '127.0.0.1:0', credentials: { directory: shown } }
  const more = { [ID.okapi]: { public: browsers } }
  installation = await Installation.open({ modules: [], descriptors: [ANY], more })
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(async () => {
  await installation?.close()
  await rm(directory, { recursive: true, force: true })
})

/** As a browser: it shows no certificate, and trusts what is shown to it. */
function browse(text: string): Promise<{ message: Message; serial: string }> {
  const port = installation.sidecar(ID.okapi).port('public')
  const ca = readFileSync(join(shown, 'ca.crt'))
  const half = { allowHalfOpen: true }
  const socket = tls.connect({ host: '127.0.0.1', port, ca, ...half })
  let received = ''
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      const message = readMessage(received, text.startsWith('HEAD '))
      if (message === undefined) return
      const serial = socket.getPeerCertificate().serialNumber
      socket.destroy()
      resolve({ message, serial })
    })
    socket.write(text, 'latin1')
  })
}

const DIKU = 'X-Okapi-Tenant: diku'

async function verdict(text: string): Promise<string> {
  return verdictOf((await browse(text)).message)
}

test.serial('an ordinary call passes, with cookies and Authorization', async (t) => {
  const lines = [DIKU, 'Cookie: folioAccessToken=abc; a=b', 'Authorization: Bearer x']
  t.is(await verdict(request('GET /users', lines)), '200')
  t.deepEqual(fields(installation.okapi.last, 'Cookie'), ['folioAccessToken=abc; a=b'])
  t.deepEqual(fields(installation.okapi.last, 'Authorization'), ['Bearer x'])
})

test.serial('of X-Okapi-* only what Okapi’s own CORS list allows arrives', async (t) => {
  const allowed = [DIKU, 'X-Okapi-Token: t', 'X-Okapi-Request-Id: 1/x']
  const not = ['X-Okapi-Permissions: ["all"]', 'X-Okapi-User-Id: anna', 'X-Okapi-Url: http://evil']
  const more = ['X-Forwarded-Host: evil', 'X-HTTP-Method-Override: DELETE', 'X-Sidecar-Refused: no']
  t.is(await verdict(request('GET /users', [...allowed, ...not, ...more])), '200')
  const { lines } = installation.okapi.last
  for (const line of allowed) t.true(lines.includes(line), line)
  for (const line of [...not, ...more]) t.false(lines.includes(line), line)
})

test.serial('the caller’s address is appended to X-Forwarded-For, as one line', async (t) => {
  const lines = [DIKU, 'X-Forwarded-For: 10.1.2.3', 'x-forwarded-for: 10.4.5.6']
  t.is(await verdict(request('GET /users', lines)), '200')
  t.deepEqual(fields(installation.okapi.last, 'X-Forwarded-For'), ['10.1.2.3, 10.4.5.6, 127.0.0.1'])
})

test.serial('what Stripes asks of the administration passes, and nothing else of it', async (t) => {
  for (const path of ['/_/version', '/_/proxy/tenants/diku/modules?full=true']) {
    t.is(await verdict(get(path, DIKU)), '200', path)
  }
  installation.okapi.forget()
  for (const path of ['/_/proxy/tenants', '/_/discovery/modules', '/_/env', '/_/proxy/modules']) {
    t.is(await verdict(get(path, DIKU)), '403 admin-route', path)
  }
  t.is(
    await verdict(request('POST /_/proxy/tenants/diku/modules', [DIKU], '{}')),
    '403 admin-route',
  )
  t.is(installation.okapi.bytes, '')
})

test.serial(
  'Stripes’ single sign-on passes with the tenant said twice, and arrives once',
  async (t) => {
    const path = '/_/invoke/tenant/diku/saml/login'
    t.is(await verdict(request(`POST ${path}`, ['X-Okapi-tenant: diku'], '{}')), '200')
    t.deepEqual(fields(installation.okapi.last, 'X-Okapi-Tenant'), [])
    t.is(
      await verdict(request(`POST ${path}`, ['X-Okapi-tenant: other'], '{}')),
      '403 tenant-mismatch',
    )
  },
)

test.serial('at `public` supertenant, named or implied, is refused', async (t) => {
  t.is(await verdict(get('/users', 'X-Okapi-Tenant: supertenant')), '403 tenant-not-allowed')
  t.is(await verdict(get('/users')), '403 tenant-not-allowed')
  t.is(
    await verdict(get('/users', `X-Okapi-Token: ${token({ tenant: 'supertenant' })}`)),
    '403 tenant-not-allowed',
  )
  t.is(installation.okapi.bytes, '')
  t.is(await verdict(get('/users', `X-Okapi-Token: ${token({ tenant: 'diku' })}`)), '200')
})

test.serial(
  'a cookie with the token of another tenant is refused, however it is spelled',
  async (t) => {
    const [own, other] = [token({ tenant: 'diku' }), token({ tenant: 'other' })]
    for (const spelled of [
      (its: string) => `folioAccessToken=${its}`,
      (its: string) => `folioAccessToken="${its}"`,
      (its: string) => `,folioAccessToken=${its}`,
      (its: string) => `a=folioAccessToken; folioAccessToken=${its}`,
      (its: string) => `folioAccessToken=a b; folioAccessToken=${its}`,
      (its: string) => `folioAccessToken=${its}; folioAccessTokens=1`,
    ]) {
      const asks = (its: string) => verdict(get('/users', DIKU, `Cookie: ${spelled(its)}`))
      t.is(await asks(own), '200', spelled('its own'))
      installation.okapi.forget()
      t.is(await asks(other), '403 tenant-mismatch', spelled('of another'))
      t.is(installation.okapi.bytes, '')
    }
  },
)

const ORIGIN = 'Origin: https://folio.example'
const ASKS = 'Access-Control-Request-Method: PUT'

test.serial('every preflight passes, whatever it is for', async (t) => {
  for (const path of ['/users', '/_/proxy/tenants', '/nowhere', '/_/invoke/tenant/t/saml/login']) {
    for (const origin of [ORIGIN, 'origin: null', 'Origin: http://[::1]:3000', 'Origin: app://x']) {
      t.is(await verdict(request(`OPTIONS ${path}`, [origin, ASKS])), '200', `${path} ${origin}`)
    }
  }
})

// Without one of the two, Okapi hands an OPTIONS on to a module (vertx-web CorsHandlerImpl).
test.serial('an OPTIONS that is no preflight is judged as any other request', async (t) => {
  installation.okapi.forget()
  for (const lines of [
    [],
    [ORIGIN],
    [ASKS],
    [ORIGIN, 'Access-Control-Request-Headers: x'],
    [ORIGIN, ORIGIN, ASKS],
    [ORIGIN, ASKS, ASKS],
    [ORIGIN, 'Access-Control-Request-Method: PUT, DELETE'],
    [ORIGIN, 'Access-Control-Request-Method:'],
    ['Origin: *', ASKS],
    ['Origin: folio.example', ASKS],
    ['Origin: https://folio.example/path', ASKS],
    ['Origin: https://folio.example https://evil.example', ASKS],
    ['Origin:', ASKS],
    [ORIGIN, 'X-Access-Control-Request-Method: PUT'],
    // Okapi does not see what Connection names.
    [ORIGIN, ASKS, 'Connection: origin'],
    [ORIGIN, ASKS, 'Connection: close, Access-Control-Request-Method'],
  ]) {
    const told = lines.join(', ')
    t.is(await verdict(request('OPTIONS /users', lines)), '403 route-not-declared', told)
    t.is(await verdict(request('OPTIONS /_/proxy/tenants', lines)), '403 admin-route', told)
    // For any method there is a route here, and the tenant is judged.
    t.is(await verdict(request('OPTIONS /any/of/it', lines)), '403 tenant-not-allowed', told)
    const supertenant = [...lines, 'X-Okapi-Tenant: supertenant']
    t.is(await verdict(request('OPTIONS /any/of/it', supertenant)), '403 tenant-not-allowed', told)
  }
  t.is(installation.okapi.bytes, '')
  t.is(await verdict(request('OPTIONS /any/of/it', [DIKU])), '200')
  t.is(await verdict(request('OPTIONS /any/of/it', [ORIGIN, ASKS])), '200')
  t.is(await verdict(request('GET /any/of/it', [ORIGIN, ASKS])), '403 tenant-not-allowed')
})

test.serial('a refusal can be read by the page that asked, and tells it no policy', async (t) => {
  const lines = ['Origin: https://folio.example', DIKU]
  const { message } = await browse(request('GET /_/env', lines))
  t.deepEqual(fields(message, 'Access-Control-Allow-Origin'), ['https://folio.example'])
  t.regex(message.body, /"reason":"admin-route"/)
  t.notRegex(message.body, /detail|wouldAllow/)
})

test.serial('its certificate is replaced while it runs', async (t) => {
  const before = (await browse(get('/users', DIKU))).serial
  const authority = await openAuthority(directory)
  const fresh = await authority.issue('client/others', { ips: ['127.0.0.1'], powerful: true })
  for (const name of ['tls.key', 'tls.crt']) {
    writeFileSync(join(shown, `${name}.new`), readFileSync(join(fresh.dir, name)), { mode: 0o600 })
    renameSync(join(shown, `${name}.new`), join(shown, name))
  }
  await installation
    .sidecar(ID.okapi)
    .say(({ msg, result }) => msg === 'public certificate' && result === 'ok')
  t.not((await browse(get('/users', DIKU))).serial, before)
})
