import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  fields,
  get,
  ID,
  OK,
  Place,
  Player,
  Process,
  request,
  type Sidecar,
  Talk,
  token,
  verdictOf,
} from '../support/scenario.ts'
import { typed } from '../support/typed.ts'

// An Okapi that has no sidecar yet calls a module that has one.

const UNTIL = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)}Z`
const T = 'X-Okapi-Tenant: diku'
const MIGRATION = { listen: '127.0.0.1:0', from: ['127.0.0.1/32'], until: UNTIL, why: 'moving' }

/** A module with a filter of every path that is not of phase auth. */
const LOGGING = {
  id: 'mod-logging-1.0.0',
  provides: [
    {
      id: 'logging',
      version: '1.0',
      handlers: [{ methods: ['GET'], pathPattern: '/logs', permissionsRequired: [] }],
    },
  ],
  filters: [{ methods: ['*'], pathPattern: '/*', phase: 'pre', type: 'request-log' }],
}

let place: Place
let module: Player
let sidecar: Sidecar
let listener: number

function sections(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` },
    egress: { listen: '127.0.0.1:0', url: 'http://localhost:9130', gateway: 'https://127.0.0.1:1' },
    migration: MIGRATION,
    ...more,
  }
}

test.before(async () => {
  place = await Place.make([LOGGING])
  module = await Player.start()
  sidecar = await place.sidecar(ID.users, sections({ limits: { exchanges: 4 } }))
  listener = sidecar.port('plain')
})
test.beforeEach(() => {
  module.forget()
  module.reply = OK
})
test.after.always(async () => {
  await sidecar?.stop()
  await module?.close()
  await place?.close()
})

test.serial('an ordinary call passes, and the module gets the address of its egress', async (t) => {
  const url = 'X-Okapi-Url: http://okapi:9130/okapi'
  t.is(verdictOf(await ask(listener, get('/users/42', T, url))), '200')
  t.deepEqual(fields(module.last, 'X-Okapi-Url'), ['http://localhost:9130'])
  t.is(
    verdictOf(await ask(listener, get('/custom-fields', T))),
    '200',
    'a `multiple` one is ordinary',
  )
})

test.serial('headers that only Okapi may send are not believed and do not arrive', async (t) => {
  const lines = [
    'X-Okapi-Permissions: ["users.all"]',
    'X-Okapi-Url-to: http://evil:80',
    'X-Okapi-Filter: auth /x',
    'X-Okapi-Module-Id: mod-users-19.7.0',
    'X-Okapi-User-Id: anna',
    'X-Okapi-Auth-Result: 200',
    'Authtoken-Refresh-Cache: true',
    'X-Forwarded-For: 10.1.2.3',
  ]
  t.is(verdictOf(await ask(listener, get('/users', T, ...lines))), '200')
  for (const line of lines) t.false(module.last.lines.includes(line), line)
})

test.serial(
  'system routes, timers, /_/ and what is undeclared never reach the module',
  async (t) => {
    for (const [line, verdict] of [
      ['POST /_/tenant', '403 caller-not-allowed'],
      ['DELETE /_/tenant/1', '403 caller-not-allowed'],
      ['GET /_/jsonSchemas', '403 caller-not-allowed'],
      ['POST /users/expire/timer', '403 caller-not-allowed'],
      ['POST /admin/importSQL', '403 route-not-declared'],
      ['GET /admin/health', '403 route-not-declared'],
      ['GET /', '403 route-not-declared'],
      ['PATCH /users', '403 route-not-declared'],
    ] as const) {
      t.is(verdictOf(await ask(listener, request(line, [T], '{"purge":true}'))), verdict, line)
    }
    t.is(module.bytes, '')
  },
)

test.serial('supertenant does not pass', async (t) => {
  t.is(verdictOf(await ask(listener, get('/users'))), '403 tenant-not-allowed')
  const named = get('/users', 'X-Okapi-Tenant: supertenant')
  t.is(verdictOf(await ask(listener, named)), '403 tenant-not-allowed')
  for (const spelled of ['SUPERTENANT', 'Supertenant', 'supertenant,diku', '']) {
    const asked = get('/users', `X-Okapi-Tenant: ${spelled}`)
    t.is(verdictOf(await ask(listener, asked)), '403 tenant-not-allowed', spelled)
  }
  t.is(module.bytes, '')
  const claimed = get('/users', `X-Okapi-Token: ${token({ tenant: 'diku' })}`)
  t.is(verdictOf(await ask(listener, claimed)), '200')
})

test.serial('its connections leave places for callers that prove who they are', async (t) => {
  const release = Promise.withResolvers<void>()
  module.reply = async () => {
    await release.promise
    return answer('200 OK', [], 'at last')
  }
  const callers = Array.from({ length: 6 }, () => new Talk(listener).send(get('/users', T)))
  await until(() => callers.filter(({ received }) => received !== '').length === 4)
  for (const talk of callers.filter(({ received }) => received !== '')) {
    t.is(verdictOf(await talk.next()), '503 overloaded')
  }
  const certificate = await place.certificate(ID.okapi)
  const proven = new Talk({ port: sidecar.port('ingress'), certificate }).send(get('/users', T))
  await until(() => module.requests.length === 3)
  release.resolve()
  t.is(verdictOf(await proven.next()), '200')
  for (const talk of [...callers, proven]) talk.close()
})

test.serial('a module whose filter takes every path has no route that is ordinary', async (t) => {
  const logging = await place.sidecar(LOGGING.id, sections())
  t.is(verdictOf(await ask(logging.port('plain'), get('/logs', T))), '403 caller-not-allowed')
  t.is(module.bytes, '')
  t.is(await logging.stop(), 0)
})

test.serial(
  'beside a module with an auth filter it is a mistake, told with its place',
  async (t) => {
    const configuration = await place.configuration(ID.authtoken, sections())
    const file = await place.file('authtoken.json', configuration)
    const run = new Process(['run', '-c', file])
    t.is(await run.ended, 2)
    t.regex(
      run.err,
      /mod-authtoken-2\.18\.0 has an auth filter, and the migration listener never leads to/,
    )
    const check = await typed(['check', '-c', file])
    t.is(check.code, 2, check.stderr)
    t.regex(
      check.stderr,
      /authtoken\.json:\d+:\d+: .*the migration listener never leads to such a module/,
    )
    t.is(module.bytes, '')
  },
)

test.serial('a descriptor that gets an auth filter while it runs shuts the listener', async (t) => {
  const file = join(place.descriptors, `${ID.users}.json`)
  const before = readFileSync(file, 'utf8')
  const talk = new Talk(listener)
  t.is(verdictOf(await talk.send(get('/users', T)).next()), '200')
  const filters = [{ methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }]
  const policies = () => sidecar.lines.filter(({ msg }) => msg === 'policy loaded').length
  const seen = policies()
  writeFileSync(file, JSON.stringify({ ...JSON.parse(before), filters }), { mode: 0o644 })
  await sidecar.say(({ msg }) => msg === 'policy loaded', seen + 1)
  t.is(verdictOf(await talk.send(get('/users', T)).next()), '403 caller-not-allowed')
  t.is(verdictOf(await ask(listener, get('/users', T))), '403 caller-not-allowed')
  writeFileSync(file, before, { mode: 0o644 })
  await sidecar.say(({ msg }) => msg === 'policy loaded', seen + 2)
  t.is(verdictOf(await ask(listener, get('/users', T))), '200')
  talk.close()
})

test.serial(
  'it drains as the others do: what runs is answered, then the process ends',
  async (t) => {
    const draining = await place.sidecar(ID.users, sections())
    const release = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    module.reply = async () => {
      arrived.resolve()
      await release.promise
      return answer('200 OK', [], 'at last')
    }
    const talk = new Talk(draining.port('plain')).send(get('/users', T))
    await arrived.promise
    draining.signal('SIGTERM')
    await draining.say(({ msg }) => msg === 'draining')
    release.resolve()
    t.is((await talk.next()).body, 'at last')
    t.is(await draining.ended, 0)
    talk.close()
  },
)

test.serial(
  'a connection that stays over `until` is refused from then on, once and for all',
  async (t) => {
    const end = Math.ceil(Date.now() / 1000) * 1000 + 6000
    const migration = { ...MIGRATION, until: `${new Date(end).toISOString().slice(0, 19)}Z` }
    const shutting = await place.sidecar(ID.users, sections({ migration }))
    const [at, status] = [shutting.port('plain'), `http://127.0.0.1:${shutting.port('status')}`]
    const talk = new Talk(at)
    t.is(verdictOf(await talk.send(get('/users', T)).next()), '200')
    await shutting.say(
      ({ msg, because }) =>
        msg === 'migration listener closed' && /is closed since/.test(`${because}`),
    )
    module.forget()
    t.is(verdictOf(await talk.send(get('/users', T)).next()), '403 caller-not-allowed')
    t.is(verdictOf(await ask(at, get('/users', T))), '403 caller-not-allowed')
    t.is(module.bytes, '')
    const refused = 'sidecar_refusals_total{direction="plain",reason="caller-not-allowed"}'
    t.is(await metric(shutting, refused), 2)
    t.regex(await (await fetch(status)).text(), /the migration listener is closed since/)
    // Callers that prove who they are are served as before.
    const certificate = await place.certificate(ID.okapi)
    const where = { port: shutting.port('ingress'), certificate }
    t.is(verdictOf(await ask(where, get('/users', T))), '200')
    talk.close()
    t.is(await shutting.stop(), 0)
  },
)

test.serial(
  'started after `until` it refuses every caller there; `check` calls it an error',
  async (t) => {
    const migration = { ...MIGRATION, until: '2026-01-31' }
    const late = await place.sidecar(ID.users, sections({ migration }))
    t.is(verdictOf(await ask(late.port('plain'), get('/users', T))), '403 caller-not-allowed')
    const certificate = await place.certificate(ID.okapi)
    const where = { port: late.port('ingress'), certificate }
    t.is(verdictOf(await ask(where, get('/users', T))), '200')
    const [warned] = await late.say(({ msg }) => msg === 'configuration warning')
    t.regex(String(warned?.problem), /:\d+:\d+: `migration.until` is over/)
    t.is(await late.stop(), 0)
    const configuration = await place.configuration(ID.users, sections({ migration }))
    const check = await typed(['check', '-c', await place.file('late.json', configuration)])
    t.is(check.code, 2, check.stderr)
    t.regex(check.stderr, /late\.json:\d+:\d+: `migration.until` is over/)
    t.regex(check.stdout, /plain .*CLOSED since 2026-01-31 00:00 UTC/)
  },
)

test.serial('`check` says who may come, and until when', async (t) => {
  const file = await place.file('fine.json', await place.configuration(ID.users, sections()))
  const check = await typed(['check', '-c', file])
  t.is(check.code, 0, check.stderr)
  const at = UNTIL.slice(0, 16).replace('T', ' ')
  t.true(
    check.stdout.includes(
      `127.0.0.1:0 for 127.0.0.1/32, without proof of identity, until ${at} UTC`,
    ),
  )
})
