import { join } from 'node:path'
import test from 'ava'
import { assault } from '../probe/targets/assault.ts'
import {
  answer,
  ask,
  get,
  ID,
  Installation,
  OK,
  request,
  token,
  verdictOf,
} from '../support/scenario.ts'

// A module sees tokens of users that are not its own to use: in a database, in a log, on Kafka, in the memory of a
// process beside it. It sends them through its own sidecar, and past it with its key.

const T = 'X-Okapi-Tenant: diku'
const NOT_SEEN = '403 token-not-seen-here'

let installation: Installation

test.before(async () => {
  const policy = { tokens: 'enforce', tokenGraceMs: 0 }
  const judging = [ID.okapi, ID.notes, ID.tags, ID.login].map((id) => [id, { policy }])
  const more = Object.fromEntries(judging)
  installation = await Installation.open({ modules: [ID.notes, ID.tags, ID.users, ID.login], more })
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

/** A token of its own for each test, with its length in a real installation. */
function tokenOf(user: string): string {
  return token({
    sub: user,
    user_id: user,
    tenant: 'diku',
    type: 'access',
    filler: 'x'.repeat(200),
  })
}

/** What the module may ask for. */
function asks(id: string): string {
  return id === ID.tags ? '/tags' : '/users/1'
}

/** Okapi calls the module with this token. */
async function reaches(id: string, path: string, its: string): Promise<string> {
  const lines = [T, `X-Okapi-Token: ${its}`]
  return verdictOf(await ask(installation.modules, get(`/${id}${path}`, ...lines)))
}

async function viaEgress(id: string, line: string): Promise<string> {
  return verdictOf(await ask(installation.egress(id), get(asks(id), T, line)))
}

/** With the module's key, and no sidecar of its own. */
async function withKey(id: string, line: string): Promise<string> {
  const where = await installation.ingress(ID.okapi, id)
  return verdictOf(await ask(where, get(asks(id), T, line)))
}

test.serial(
  'the token of a user that another module serves: its own sidecar and Okapi’s refuse it',
  async (t) => {
    const anna = tokenOf('anna')
    const line = `X-Okapi-Token: ${anna}`
    t.is(await reaches(ID.notes, '/notes', anna), '200')
    for (const each of [line, `Authorization: Bearer ${anna}`, `Authorization: ${anna}`]) {
      t.is(await viaEgress(ID.tags, each), NOT_SEEN, each)
      t.is(await withKey(ID.tags, each), NOT_SEEN, each)
    }
    t.is(installation.okapi.bytes, '', 'nothing of it reached Okapi')
    // The module that Okapi sent it to may send it, with a sidecar and without.
    t.is(await viaEgress(ID.notes, line), '200')
    t.is(await withKey(ID.notes, line), '200')
    // And so may the other, once Okapi has sent it there too.
    t.is(await reaches(ID.tags, '/tags', anna), '200')
    t.is(await viaEgress(ID.tags, line), '200')
    t.is(await withKey(ID.tags, line), '200')
  },
)

test.serial('a token that no module was sent; sending it often does not help', async (t) => {
  const line = `X-Okapi-Token: ${tokenOf('eve')}`
  for (let i = 0; i < 3; i++) {
    t.is(await viaEgress(ID.notes, line), NOT_SEEN)
    t.is(await withKey(ID.notes, line), NOT_SEEN)
  }
  t.is(installation.okapi.bytes, '')
  t.is(await viaEgress(ID.notes, 'Accept: */*'), '200', 'without a token another rule decides')
})

test.serial(
  'a token that reached the module’s sidecar past Okapi’s is not known there',
  async (t) => {
    const bob = tokenOf('bob')
    const where = await installation.ingress(ID.notes, ID.okapi)
    t.is(verdictOf(await ask(where, get('/notes', T, `X-Okapi-Token: ${bob}`))), '200')
    t.is(await viaEgress(ID.notes, `X-Okapi-Token: ${bob}`), NOT_SEEN)
    t.is(installation.okapi.bytes, '')
  },
)

test.serial(
  'what comes in an answer may be sent: a login with a header, and one with cookies',
  async (t) => {
    const [legacy, access] = [tokenOf('system-1'), tokenOf('system-2')]
    const [first, second] = [`X-Okapi-Token: ${legacy}`, `X-Okapi-Token: ${access}`]
    t.is(await viaEgress(ID.notes, first), NOT_SEEN)
    installation.okapi.reply = () => answer('201 Created', [`x-okapi-token: ${legacy}`], '{}')
    t.is(await viaEgress(ID.notes, 'Accept: */*'), '201')
    installation.okapi.reply = () =>
      answer('201 Created', [
        'Set-Cookie: folioRefreshToken=r; Max-Age=604800; Path=/authn; Secure; HttpOnly',
        `Set-Cookie: folioAccessToken=${access}; Max-Age=600; Path=/; Secure; HttpOnly`,
      ])
    t.is(await viaEgress(ID.notes, 'Accept: */*'), '201')
    installation.okapi.reply = OK
    for (const line of [first, second]) {
      t.is(await viaEgress(ID.notes, line), '200')
      t.is(await withKey(ID.notes, line), '200')
      t.is(await viaEgress(ID.tags, line), NOT_SEEN, 'it is no token of another module')
    }
  },
)

// mod-login may answer with tokens by trade: hijacked, it asks itself and answers what it has found elsewhere.
test.serial('what a module answers itself makes no token its own', async (t) => {
  const anna = tokenOf('anna at login')
  const line = `X-Okapi-Token: ${anna}`
  const login = request('POST /authn/login', [T], '{}')
  const own = await installation.ingress(ID.okapi, ID.login)
  const egress = installation.egress(ID.login)
  for (const said of [line, `Set-Cookie: folioAccessToken=${anna}; Path=/; Secure; HttpOnly`]) {
    installation.okapi.reply = () => answer('201 Created', [said], '{}')
    for (const where of [own, egress]) t.is(verdictOf(await ask(where, login)), '201')
  }
  installation.okapi.reply = OK
  for (const where of [own, egress]) {
    t.is(verdictOf(await ask(where, get('/users/1', T, line))), NOT_SEEN)
  }
})

test.serial('a sidecar that is told to leaves it to Okapi’s', async (t) => {
  const carol = tokenOf('carol')
  // mod-users' sidecar has `tokens: off`, which is the default.
  t.is(await viaEgress(ID.users, `X-Okapi-Token: ${carol}`), NOT_SEEN)
  t.is(installation.okapi.bytes, '')
  t.is(await reaches(ID.users, '/users', carol), '200')
  t.is(await viaEgress(ID.users, `X-Okapi-Token: ${carol}`), '200')
})

test.serial(
  'many tokens, each of which comes back once Okapi has sent it: none is refused',
  async (t) => {
    const tokens = Array.from({ length: 400 }, (_, i) => tokenOf(`user-${i}`))
    const verdicts = new Map<string, number>()
    const rounds = Array.from({ length: 8 }, (_, i) => tokens.filter((_, at) => at % 8 === i))
    await Promise.all(
      rounds.map(async (some) => {
        for (const each of some) {
          const both = [
            await reaches(ID.notes, '/notes', each),
            await viaEgress(ID.notes, `X-Okapi-Token: ${each}`),
          ]
          verdicts.set(both.join(), (verdicts.get(both.join()) ?? 0) + 1)
        }
      }),
    )
    t.deepEqual([...verdicts], [['200,200', 400]])
  },
)

test.serial('the probe tries it, and says why nothing got through', async (t) => {
  const certs = join(installation.place.directory, 'certs')
  const { port } = await installation.ingress(ID.okapi, ID.tags)
  const harvested = {
    user: tokenOf('dora'),
    module: tokenOf('mod-users'),
    old: tokenOf('long-ago'),
  }
  const only = [
    ...[
      'harvested-module-token',
      'harvested-user-token',
      'token-after-its-life',
      'token-never-seen',
    ],
  ]
  const findings = () =>
    assault({
      endpoint: { host: '127.0.0.1', port, tls: true },
      atOkapi: true,
      trust: join(certs, 'ca.crt'),
      descriptors: installation.place.descriptors,
      credentials: [join(certs, ID.tags)],
      tenant: 'diku',
      harvested,
      only,
    })
  const found = await findings()
  t.deepEqual([...found.keys()].sort(), only)
  for (const [id, { outcome, reason, evidence }] of found) {
    t.like({ outcome, reason }, { outcome: 'blocked', reason: 'token-not-seen-here' }, id)
    for (const token of Object.values(harvested)) t.false(evidence.sent.includes(token), id)
  }
  t.is(installation.okapi.bytes, '')
  // The same bytes pass once Okapi has sent these tokens to the module.
  for (const token of Object.values(harvested)) await reaches(ID.tags, '/tags', token)
  const through = [...(await findings())].map(([id, { outcome }]) => `${id} ${outcome}`).sort()
  t.deepEqual(through, [
    'harvested-module-token got-through',
    'harvested-user-token got-through',
    'token-after-its-life got-through',
    'token-never-seen blocked',
  ])
})
