import test from 'ava'
import { limitHits, metric, until } from '../support/scenario/metrics.ts'
import { ask, get, ID, Installation, OK, request, Talk, verdictOf } from '../support/scenario.ts'

// limits.refusalsPerSecond is 1 at the egress of mod-notes: the first is said at once, each further one waits.

let installation: Installation

test.before(async () => {
  const more = { [ID.notes]: { limits: { refusalsPerSecond: 1 } } }
  installation = await Installation.open({ modules: [ID.notes], more })
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'
const REFUSED = get('/_/proxy/modules', T)
const SERVED = get('/users/1', T)

const notes = () => installation.sidecar(ID.notes)
const waited = () => limitHits(notes(), 'refusalsPerSecond')

function open(count: number): Talk[] {
  return Array.from({ length: count }, () => new Talk(installation.egress(ID.notes)))
}

test.serial(
  'refusals wait for their turn, served calls do not; a request behind a refusal comes after it',
  async (t) => {
    const talks = open(3)
    t.teardown(() => {
      for (const talk of talks) talk.close()
    })
    for (const talk of talks) talk.send(REFUSED + SERVED)
    await until(async () => (await waited()) >= 2)
    t.is(verdictOf(await ask(installation.egress(ID.notes), SERVED)), '200')
    for (const talk of talks) {
      t.is(verdictOf(await talk.next()), '403 admin-route')
      t.is(verdictOf(await talk.next()), '200')
    }
    t.false(installation.okapi.requests.some(({ first }) => first.includes('/_/')))
  },
)

test.serial('one that closes its connection does not wait', async (t) => {
  const before = await waited()
  const closing = get('/_/proxy/modules', T, 'Connection: close')
  const talks = open(6)
  for (const talk of talks) talk.send(closing)
  for (const talk of talks) t.is(verdictOf(await talk.next()), '403 admin-route')
  for (const talk of talks) talk.close()
  t.is(await waited(), before)
})

test.serial('one whose body comes later waits as well, and its connection goes on', async (t) => {
  const before = await waited()
  const talks = open(3)
  t.teardown(() => {
    for (const talk of talks) talk.close()
  })
  for (const talk of talks) {
    talk.send(request('POST /_/proxy/modules', [T, 'Content-Length: 100000']))
  }
  await until(async () => (await waited()) >= before + 2)
  for (const talk of talks) talk.send('x'.repeat(100_000) + SERVED)
  for (const talk of talks) {
    t.is(verdictOf(await talk.next()), '403 admin-route')
    t.is(verdictOf(await talk.next()), '200')
  }
})

test.serial('one whose body never comes is refused all the same', async (t) => {
  const before = await waited()
  const talks = open(2)
  for (const talk of talks) {
    talk.send(request('POST /_/proxy/modules', [T, 'Content-Length: 100']))
    talk.send('x')
  }
  await until(async () => (await waited()) >= before + 1)
  const said = await Promise.all(talks.map((talk) => talk.next()))
  t.deepEqual(said.map(verdictOf), ['403 admin-route', '403 admin-route'])
  for (const talk of talks) talk.close()
})

test.serial('a caller that goes away while its refusal waits leaves nothing behind', async (t) => {
  const before = await waited()
  const talks = open(5)
  for (const talk of talks) talk.send(REFUSED)
  await until(async () => (await waited()) >= before + 4)
  // An end alone is no sign of that: who has only ended its side still reads.
  for (const talk of talks) talk.socket.resetAndDestroy()
  await until(async () => (await metric(notes(), 'sidecar_exchanges_open')) === 0)
  t.is(verdictOf(await ask(installation.egress(ID.notes), SERVED)), '200')
})
