import { setTimeout as pause } from 'node:timers/promises'
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
  type Sidecar,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// Small limits at the sidecar of mod-notes; each refusal beside a call that keeps within them.

let installation: Installation

test.before(async () => {
  const limits = {
    headMs: 300,
    bodyIdleMs: 300,
    exchangesPerCallee: 2,
    connectionsPerPeer: 2,
  }
  const impatient = { limits: { responseHeadMs: 200, bodyIdleMs: 300, callerReadIdleMs: 0 } }
  const more = { [ID.notes]: { limits }, [ID.users]: impatient }
  installation = await Installation.open({ modules: [ID.notes, ID.users], more })
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'

function notes(): Sidecar {
  return installation.sidecar(ID.notes)
}

test.serial('a head that does not come to its end is 408', async (t) => {
  const talk = new Talk(notes().port('egress'))
  talk.send(`GET /users HTTP/1.1\r\nHost: a\r\n${T}\r\n`)
  t.is(verdictOf(await talk.next()), '408 timeout')
  t.is(await talk.end(), '')
  t.is(installation.okapi.bytes, '')
})

test.serial('a body that does not come to its end is 408, and the upstream’s is cut', async (t) => {
  const talk = new Talk(notes().port('egress'))
  talk.send(request('POST /users', [T, 'Content-Length: 10'])).send('half')
  t.is(verdictOf(await talk.next()), '408 timeout')
  t.is(await talk.end(), '')
  t.is(installation.okapi.requests.length, 0)
})

test.serial('an answer that does not come is 504 where a limit is set', async (t) => {
  const asked = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  installation.okapi.reply = async ({ first }) => {
    if (!first.includes('/users/2')) return null
    asked.resolve()
    await held.promise
    return answer('200 OK', [], 'late')
  }
  // The twin: where no limit is set it is waited for.
  const patient = ask(notes().port('egress'), get('/users/2', T))
  await asked.promise
  t.is(
    verdictOf(await ask(installation.egress(ID.users), get('/users/1', T))),
    '504 timeout-upstream',
  )
  held.resolve()
  t.is((await patient).body, 'late')
})

test.serial(
  'more exchanges than one callee may have are 503, at once and with Retry-After',
  async (t) => {
    const held = Promise.withResolvers<void>()
    const both = Promise.withResolvers<void>()
    installation.okapi.reply = async (asked, socket) => {
      if (installation.okapi.requests.length === 2) both.resolve()
      await held.promise
      return OK(asked, socket)
    }
    const running = [1, 2].map((i) => ask(notes().port('egress'), get(`/users/${i}`, T)))
    await both.promise
    const third = await ask(notes().port('egress'), get('/users/3', T))
    t.is(verdictOf(third), '503 overloaded')
    t.regex(field(third, 'Retry-After') ?? '', /^\d+$/)
    held.resolve()
    t.deepEqual((await Promise.all(running)).map(verdictOf), ['200', '200'])
    t.is(verdictOf(await ask(notes().port('egress'), get('/users/3', T))), '200')
  },
)

test.serial(
  'more connections than one caller may have are 429, told before anything is read',
  async (t) => {
    const where = await installation.ingress(ID.notes, ID.okapi)
    const open = [new Talk(where), new Talk(where)]
    t.teardown(() => {
      for (const talk of open) talk.close()
    })
    for (const talk of open) t.is(verdictOf(await talk.send(get('/notes', T)).next()), '200')
    const third = await ask(where, get('/notes', T))
    t.regex(third.first, /^HTTP\/1\.1 429 /)
    t.regex(field(third, 'Retry-After') ?? '', /^[123]$/)
    // Another caller is not counted with this one: it is refused for another reason.
    const other = await installation.place.certificate(ID.tags)
    const answered = await ask({ port: where.port, certificate: other }, get('/notes', T))
    t.is(verdictOf(answered), '403 caller-not-allowed')
  },
)

test.serial('a caller that pauses for longer than bodyIdleMs gets all of its answer', async (t) => {
  const body = 'x'.repeat(4_000_000)
  installation.okapi.reply = () => answer('200 OK', [], body)
  const talk = new Talk(installation.egress(ID.users))
  t.teardown(() => talk.close())
  talk.socket.pause()
  talk.send(get('/users/1', T))
  await pause(1500)
  talk.socket.resume()
  const whole = await talk.next()
  t.is(verdictOf(whole), '200')
  t.is(whole.body.length, body.length)
})

test.serial('each limit that was hit is counted by its name', async (t) => {
  const page = await (await fetch(`http://127.0.0.1:${notes().port('admin')}/metrics`)).text()
  for (const reason of ['timeout', 'overloaded', 'too-many']) {
    t.regex(page, new RegExp(`^sidecar_refusals_total\\{[^}]*reason="${reason}"\\} [1-9]`, 'm'))
  }
})
