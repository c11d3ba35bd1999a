import test from 'ava'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  OK,
  request,
  verdictOf,
} from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes] })
})
test.beforeEach(() => {
  installation.okapi.reply = OK
  notes().reply = OK
})
test.after.always(() => installation?.close())

function notes() {
  return installation.module(ID.notes)
}

function egressUrl(): string {
  return `http://localhost:${installation.egress(ID.notes)}`
}

/** Okapi calls mod-notes, and says that this is its address. */
function okapiCalls(url: string, ...more: string[]) {
  const lines = ['X-Okapi-Tenant: diku', `X-Okapi-Url: ${url}`, ...more]
  return ask(installation.modules, get(`/${ID.notes}/notes`, ...lines))
}

test.serial(
  'X-Okapi-Url becomes the egress and keeps its path, never a trailing slash',
  async (t) => {
    for (const [said, told] of [
      ['https://library.example/okapi', '/okapi'],
      ['https://library.example/okapi/', '/okapi'],
      ['http://okapi:9130', ''],
      ['http://okapi:9130/', ''],
      ['http://[::1]:9130/a/b', '/a/b'],
    ] as const) {
      t.is(verdictOf(await okapiCalls(said)), '200')
      t.is(field(notes().last, 'X-Okapi-Url'), `${egressUrl()}${told}`, said)
    }
  },
)

test.serial('the egress takes that path off again, and calls without it pass too', async (t) => {
  await okapiCalls('https://library.example/okapi')
  for (const target of ['/okapi/users/1?a=/okapi/', '/users/1?a=/okapi/']) {
    t.is(
      verdictOf(await ask(installation.egress(ID.notes), get(target, 'X-Okapi-Tenant: diku'))),
      '200',
    )
    t.is(installation.okapi.last.first, 'GET /users/1?a=/okapi/ HTTP/1.1')
  }
  // Taken off once, whole segments only.
  for (const target of ['/okapi/okapi/users/1', '/okapis/users/1', '/OKAPI/users/1']) {
    const answered = await ask(installation.egress(ID.notes), get(target, 'X-Okapi-Tenant: diku'))
    t.is(verdictOf(answered), '404 route-not-declared', target)
  }
})

test.serial('X-Okapi-Url-to becomes the module’s own loopback address', async (t) => {
  const to = `X-Okapi-Url-to: http://127.0.0.1:20000/${ID.notes}`
  const lines = ['X-Okapi-Tenant: diku', 'X-Okapi-Url: http://okapi:9130', to]
  const answered = await ask(
    installation.modules,
    request(`POST /${ID.notes}/_/tenant`, lines, '{}'),
  )
  t.is(verdictOf(answered), '200')
  t.is(field(notes().last, 'X-Okapi-Url-to'), `http://127.0.0.1:${notes().port}`)
})

test.serial(
  'a Location that begins with what the module was told gets the original back',
  async (t) => {
    const original = 'https://library.example/okapi'
    for (const [said, told] of [
      [`${egressUrl()}/okapi/notes/1?a=b`, `${original}/notes/1?a=b`],
      [`${egressUrl()}/okapi`, original],
      // Everything else stays as it is.
      ['/notes/1', '/notes/1'],
      [`${egressUrl()}/okapis/notes/1`, `${egressUrl()}/okapis/notes/1`],
      ['https://elsewhere.example/okapi/notes/1', 'https://elsewhere.example/okapi/notes/1'],
    ] as const) {
      notes().reply = () => answer('201 Created', [`location: ${said}`])
      const answered = await okapiCalls(original)
      t.is(field(answered, 'Location'), told)
      t.true(answered.lines.includes(`location: ${told}`))
    }
  },
)

test.serial('X-Okapi-Url from a module never reaches Okapi', async (t) => {
  const lines = ['X-Okapi-Tenant: diku', 'X-Okapi-Url: http://evil', 'X-Okapi-Url-to: http://evil']
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users/1', ...lines))), '200')
  t.is(field(installation.okapi.last, 'X-Okapi-Url'), undefined)
  t.is(field(installation.okapi.last, 'X-Okapi-Url-to'), undefined)
  t.is(field(installation.okapi.last, 'X-Okapi-Tenant'), 'diku')
})

// mod-data-import and Kafka consumers begin with an address that was written down before.
test.serial('a path that is configured is known before Okapi’s first call', async (t) => {
  const gateway = `https://127.0.0.1:${installation.cable.port}`
  const egress = { listen: '127.0.0.1:0', gateway, url: 'http://localhost:9130/okapi' }
  const restarted = await installation.place.sidecar(ID.notes, { egress })
  t.teardown(() => restarted.stop())
  const stored = get('/okapi/users/1', 'X-Okapi-Tenant: diku')
  t.is(verdictOf(await ask(restarted.port('egress'), stored)), '200')
  t.is(installation.okapi.last.first, 'GET /users/1 HTTP/1.1')
})
