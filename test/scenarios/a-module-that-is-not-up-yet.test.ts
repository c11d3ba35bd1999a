import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  ask,
  field,
  get,
  healthMessage,
  ID,
  Place,
  Player,
  request,
  type Sidecar,
  silence,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// Sidecars start before their modules, so this is the normal order. Okapi repeats a system call only
// when its connection breaks, takes any answer for health, and needs a reason for a failure.

let place: Place
/** mod-users', which soon gives up waiting; mod-tags', which waits long. */
let users: Sidecar
let tags: Sidecar
let okapi: Sidecar

/** A Unix socket in the place of a port: no other process can come to listen there. */
function socketOf(id: string): string {
  return join(place.directory, `${id}.sock`)
}

test.before(async () => {
  place = await Place.make()
  const ingress = (id: string) => ({
    ingress: { listen: '127.0.0.1:0', forward: `unix:${socketOf(id)}` },
  })
  ;[users, tags] = await Promise.all([
    place.sidecar(ID.users, { ...ingress(ID.users), limits: { connectWaitMs: 200 } }),
    place.sidecar(ID.tags, { ...ingress(ID.tags), limits: { connectWaitMs: 50_000 } }),
  ])
  const at = (sidecar: Sidecar) => `https://127.0.0.1:${sidecar.port('ingress')}`
  const address = {
    [ID.users]: at(users),
    [ID.tags]: at(tags),
    // Nothing listens there at all.
    [ID.notes]: 'https://127.0.0.1:1',
  }
  okapi = await place.sidecar(ID.okapi, { egress: { modules: { listen: '127.0.0.1:0', address } } })
})
test.after.always(async () => {
  await Promise.all([users, tags, okapi].map((sidecar) => sidecar?.stop()))
  await place?.close()
})

const T = 'X-Okapi-Tenant: diku'

test.serial('an ordinary call is 503 with Retry-After, after connectWaitMs', async (t) => {
  const answered = await ask(okapi.port('modules'), get(`/${ID.users}/users`, T))
  t.is(verdictOf(answered), '503 module-unavailable')
  t.regex(field(answered, 'Retry-After') ?? '', /^\d+$/)
})

test.serial('each caller has its whole wait, also behind one that has given up', async (t) => {
  const waitMs = 4000
  const ways = { ingress: { listen: '127.0.0.1:0', forward: `unix:${socketOf(ID.notes)}` } }
  const notes = await place.sidecar(ID.notes, { ...ways, limits: { connectWaitMs: waitMs } })
  t.teardown(() => notes.stop())
  const where = { port: notes.port('ingress'), certificate: await place.certificate(ID.okapi) }
  const gone = new Talk(where)
  gone.send(get('/notes', T))
  await until(async () => (await metric(notes, 'sidecar_buffered_bytes')) > 0)
  // Half of the first caller's wait is over; there is time left for the second one to come.
  await pause(waitMs / 2)
  const came = performance.now()
  const answer = ask(where, get('/notes', T))
  await until(async () => (await metric(notes, 'sidecar_exchanges_open')) > 1)
  gone.close()
  t.is(verdictOf(await answer), '503 module-unavailable')
  // Deadlines fall up to one tick of the coarse clock early.
  t.true(performance.now() - came >= waitMs - 200)
})

test.serial('where not even a sidecar is, it is 502', async (t) => {
  const answered = await ask(okapi.port('modules'), get(`/${ID.notes}/notes`, T))
  t.is(verdictOf(answered), '502 upstream-unreachable')
})

test.serial(
  'Okapi’s discovery learns why a module is not well, and of the others too',
  async (t) => {
    for (const [id, reason] of [
      [ID.users, 'module-unavailable'],
      [ID.notes, 'upstream-unreachable'],
    ] as const) {
      for (const target of [`/${id}`, `/${id}/`]) {
        const message = healthMessage(await silence(okapi.port('modules'), get(target)))
        t.is(message, `Fail: For input string: "0-${reason}"`)
      }
      const url = `http://127.0.0.1:${okapi.port('modules')}/${id}`
      await t.throwsAsync(fetch(url), undefined, 'no strict reader takes it for an answer')
    }
  },
)

test.serial('a system call is answered by closing the connection', async (t) => {
  for (const id of [ID.users, ID.notes]) {
    t.is(await silence(okapi.port('modules'), request(`POST /${id}/_/tenant`, [T], '{}')), '', id)
    t.is(await silence(okapi.port('modules'), request(`GET /${id}/_/tenant/7`, [T])), '', id)
  }
})

test.serial(
  'at the module’s own ingress the same is 503: only Okapi’s egress hangs up',
  async (t) => {
    const certificate = await place.certificate(ID.okapi)
    const where = { port: users.port('ingress'), certificate }
    t.is(
      verdictOf(await ask(where, request('POST /_/tenant', [T], '{}'))),
      '503 module-unavailable',
    )
    t.is(verdictOf(await ask(where, get('/'))), '503 module-unavailable')
  },
)

test.serial('one that comes up meanwhile answers, and gets the call once', async (t) => {
  const waiting = new Talk(okapi.port('modules'))
  t.teardown(() => waiting.close())
  waiting.send(request(`POST /${ID.tags}/_/tenant`, [T], '{"purge":false}'))
  // It must have been tried in vain before the module comes up.
  await waitUntilWaiting()
  const module = await Player.start(socketOf(ID.tags))
  t.teardown(() => module.close())
  t.is(verdictOf(await waiting.next()), '200')
  t.deepEqual(
    module.requests.map(({ first, body }) => `${first} ${body}`),
    ['POST /_/tenant HTTP/1.1 {"purge":false}'],
  )
  t.is(verdictOf(await ask(okapi.port('modules'), get(`/${ID.tags}`))), '200')
})

/** The metrics of mod-tags' sidecar tell that it keeps a call that cannot go on. */
function waitUntilWaiting(): Promise<void> {
  return until(async () => (await metric(tags, 'sidecar_buffered_bytes')) > 0)
}
