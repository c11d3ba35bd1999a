import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Place,
  Player,
  request,
  type Sidecar,
  silence,
  verdictOf,
} from '../support/scenario.ts'
import { typed } from '../support/typed.ts'

// Who holds mod-users' key answers Okapi's sidecar: a bare TLS server, and a sidecar whose own descriptors
// say that mod-users is an auth filter, so that it takes nothing off. Okapi copies X-* of an answer into
// the next step of its pipeline: Okapi's sidecar holds the answer to what mod-users is known for.

let place: Place
let behind: Player
let server: tls.Server
let rogue: Sidecar
const okapis = new Map<string, Sidecar>()

/** What the thief says. */
let said = ''

test.before(async () => {
  place = await Place.make()
  behind = await Player.start()
  behind.reply = () => said
  const certificate = await place.certificate(ID.users)
  server = thief(certificate)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  rogue = await place.sidecar(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${behind.port}` },
    policy: { descriptors: await rogueDescriptors() },
  })
  const { port } = server.address() as AddressInfo
  for (const [way, to] of [
    ['a bare server', port],
    ['a sidecar of its own', rogue.port('ingress')],
  ] as const) {
    const address = { [ID.users]: `https://127.0.0.1:${to}` }
    const sidecar = await place.sidecar(ID.okapi, {
      ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${behind.port}` },
      egress: { modules: { listen: '127.0.0.1:0', address } },
    })
    okapis.set(way, sidecar)
  }
})
test.after.always(async () => {
  await Promise.all([...okapis.values(), rogue].map((each) => each?.stop()))
  server?.close()
  await behind?.close()
  await place?.close()
})

function thief(certificate: string): tls.Server {
  const file = (name: string) => readFileSync(join(certificate, name))
  const options = { key: file('tls.key'), cert: file('tls.crt'), ca: file('ca.crt') }
  return tls.createServer({ ...options, requestCert: true }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end(said, 'latin1'))
  })
}

/** The folder of all descriptors, with one change: mod-users gives tokens and has an auth filter. */
async function rogueDescriptors(): Promise<string> {
  const folder = join(place.directory, 'rogue')
  await cp(place.descriptors, folder, { recursive: true, force: true })
  const file = join(folder, `${ID.users}.json`)
  const descriptor = JSON.parse(await readFile(file, 'utf8'))
  const filters = [{ methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }]
  await writeFile(file, JSON.stringify({ ...descriptor, filters }), { mode: 0o644 })
  return folder
}

const T = 'X-Okapi-Tenant: diku'
const BELIEVED = [
  'X-Okapi-Stop: true',
  'X-Okapi-Permissions: ["all"]',
  'X-Okapi-User-Id: admin',
  'X-Okapi-Token: forged',
  'X-Okapi-Module-Tokens: {"_":"forged"}',
  'X-Okapi-Tenant: supertenant',
  'X-Okapi-Url: http://evil',
  'x_okapi_stop: true',
  'Set-Cookie: folioAccessToken=evil; Path=/',
  'Set-Cookie: =folioRefreshToken=evil; Path=/',
  'X-HTTP-Method-Override: DELETE',
  'X-Original-URL: /_/proxy/tenants',
  'X-Rewrite-URL: /_/proxy/tenants',
  'X-Forwarded-For: 10.0.0.1',
  'X-Forwarded-Host: evil',
  'Forwarded: for=10.0.0.1',
  'X-Real-IP: 10.0.0.1',
  'X-Accel-Redirect: /protected/users.csv',
  'X-Sendfile: /etc/passwd',
  'X-Lighttpd-Send-File: /etc/passwd',
  'X-Reproxy-URL: http://evil',
  'NEL: {"report_to":"a","max_age":9,"success_fraction":1}',
  'Report-To: {"group":"a","max_age":9,"endpoints":[{"url":"https://evil"}]}',
  'Alt-Svc: h2=":4443"',
  'Service-Worker-Allowed: /',
  'X-Sidecar-Refused: wrong-peer',
  'X-Sidecar-Caller: okapi-7.2.0',
]
const ORDINARY = [
  'X-Okapi-Trace: a',
  'X-Okapi-Request-Id: b',
  'Set-Cookie: theme=dark',
  'X-Total: 3',
]

for (const way of ['a bare server', 'a sidecar of its own']) {
  const modules = () => okapis.get(way)!.port('modules')

  test.serial(`${way}: nothing that only others may say reaches Okapi`, async (t) => {
    said = answer('200 OK', [...BELIEVED, ...ORDINARY], 'ok')
    const answered = await ask(modules(), get(`/${ID.users}/users/1`, T))
    t.is(verdictOf(answered), '200')
    t.deepEqual(
      answered.lines.filter((line) => !/^(content-length|connection):/i.test(line)),
      ORDINARY,
    )
    t.is(answered.body, 'ok')
  })

  test.serial(
    `${way}: a health question is not answered by claims, a system call not hidden`,
    async (t) => {
      said = answer('200 OK', ['X-Sidecar-Refused: draining'], 'ok')
      const system = request(`POST /${ID.users}/_/tenant`, [T])
      const answered = await ask(modules(), system)
      t.is(verdictOf(answered), '200')
      t.is(field(answered, 'X-Sidecar-Refused'), undefined)
    },
  )
}

test.serial('at most it is as if its sidecar had refused: Okapi tries again', async (t) => {
  const modules = () => okapis.get('a bare server')!.port('modules')
  const system = request(`POST /${ID.users}/_/tenant`, [T])
  said = answer('503 Service Unavailable', ['X-Sidecar-Refused: draining'])
  t.is(await silence(modules(), system), '')
  said = answer('403 Forbidden', ['X-Sidecar-Refused: interface-not-required'])
  const answered = await ask(modules(), system)
  t.is(verdictOf(answered), '403')
  said = answer('403 Forbidden', ['X-Sidecar-Refused: caller-not-allowed'])
  t.is(verdictOf(await ask(modules(), system)), '403 caller-not-allowed')
})

for (const [who, known, exitCode, because] of [
  ['an ordinary module', () => place.descriptors, 0, /^the answer arrived without what/],
  ['an auth filter', rogueDescriptors, 1, /^it arrived with .*X-Okapi-Permissions.*=folioAccess/],
] as const) {
  test.serial(`the probe answers in the place of ${who}: exit code ${exitCode}`, async (t) => {
    const [port] = await freePorts(1)
    const sidecar = await place.sidecar(ID.okapi, {
      ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${behind.port}` },
      egress: {
        modules: {
          listen: '127.0.0.1:0',
          address: { [ID.users]: `https://127.0.0.1:${port}` },
        },
      },
      policy: { descriptors: await known() },
    })
    t.teardown(() => sidecar.stop())
    const { stdout, stderr, code } = await typed([
      ...['probe', `https://127.0.0.1:${sidecar.port('ingress')}`, '--at', 'okapi'],
      ...['--credentials', await place.certificate(ID.users), '--tenant', 'diku', '--json'],
      ...['--only', 'response-stolen-key', '--listen', `127.0.0.1:${port}`],
      ...['--ask', `http://127.0.0.1:${sidecar.port('modules')}/${ID.users}/users/1`],
    ])
    t.is(code, exitCode, stderr)
    t.regex(JSON.parse(stdout).attacks[0].because, because)
  })
}
