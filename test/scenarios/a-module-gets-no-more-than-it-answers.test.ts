import test, { type ExecutionContext } from 'ava'
import { limitHits, metric, metricsOf, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  OK,
  type Player,
  request,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// limits.adaptive at the sidecar of mod-notes, with so low a least limit that it begins with 4. What it does
// to a module that gets slow is in test/slow.

let installation: Installation

test.before(async () => {
  const limits = { adaptive: { tolerance: 2, min: 1 } }
  installation = await Installation.open({
    modules: [ID.notes, ID.users],
    more: { [ID.notes]: { limits } },
  })
})
test.beforeEach(() => {
  for (const id of [ID.notes, ID.users]) {
    installation.module(id).forget()
    installation.module(id).reply = OK
  }
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'
const NOTES = get('/notes/1', T)

/** Okapi calls for this module. */
function forCaller(caller: string, text = NOTES): string {
  return text.replace('\r\n\r\n', `\r\nX-Sidecar-Caller: ${caller}\r\n\r\n`)
}

function called(id: string, text: string) {
  return installation.ingress(id, ID.okapi).then((where) => ask(where, text))
}

/** Answers nothing until it is let go. */
function hold(module: Player): () => void {
  const held = Promise.withResolvers<void>()
  module.reply = async (asked, socket) => {
    await held.promise
    return OK(asked, socket)
  }
  return () => held.resolve()
}

/** So many calls are at the module, none of them answered. */
async function fill(t: ExecutionContext, count: number, id: string = ID.notes) {
  const letGo = hold(installation.module(id))
  t.teardown(letGo)
  const target = id === ID.notes ? NOTES : get('/users/1', T)
  const calls = Array.from({ length: count }, () => called(id, forCaller(ID.tags, target)))
  await until(() => installation.module(id).requests.length === count)
  return async () => {
    letGo()
    return (await Promise.all(calls)).map(verdictOf)
  }
}

const notes = () => installation.sidecar(ID.notes)
const waiting = () => metric(notes(), 'sidecar_module_calls_waiting')

test.serial('what is more is refused at once, and nothing of it reaches the module', async (t) => {
  const before = await limitHits(notes(), 'adaptive.tolerance')
  const end = await fill(t, 4)
  t.is(await waiting(), 4)
  t.is(await metric(notes(), 'sidecar_module_calls_limit'), 4)
  const refused = await called(ID.notes, forCaller(ID.tags))
  t.is(verdictOf(refused), '503 overloaded')
  t.regex(field(refused, 'Retry-After') ?? '', /^[123]$/)
  t.true(refused.body.includes('limits.adaptive'), refused.body)
  t.is(installation.module(ID.notes).requests.length, 4)
  t.is((await limitHits(notes(), 'adaptive.tolerance')) - before, 1)
  t.deepEqual(await end(), Array(4).fill('200'))
  t.is(verdictOf(await called(ID.notes, forCaller(ID.tags))), '200')
  t.is(await waiting(), 0)
})

test.serial(
  'another caller gets its part although all places are taken, and no more',
  async (t) => {
    const end = await fill(t, 4)
    const other = called(ID.notes, forCaller(ID.inventory))
    await until(() => installation.module(ID.notes).requests.length === 5)
    t.is(verdictOf(await called(ID.notes, forCaller(ID.inventory))), '503 overloaded')
    t.is(verdictOf(await called(ID.notes, forCaller(ID.tags))), '503 overloaded')
    t.deepEqual(await end(), Array(4).fill('200'))
    t.is(verdictOf(await other), '200')
  },
)

test.serial('the health question and system calls pass', async (t) => {
  const end = await fill(t, 4)
  t.is(verdictOf(await called(ID.notes, get('/', T))), '200')
  const tenant = called(ID.notes, request('POST /_/tenant', [T], '{}'))
  await until(() => installation.module(ID.notes).requests.length === 5)
  t.is(await waiting(), 4)
  await end()
  t.is(verdictOf(await tenant), '200')
})

test.serial('a call that is being answered, or whose caller is gone, waits no more', async (t) => {
  const module = installation.module(ID.notes)
  module.reply = () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha'
  const where = await installation.ingress(ID.notes, ID.okapi)
  const open = Array.from({ length: 4 }, () => new Talk(where).send(forCaller(ID.tags)))
  await Promise.all(open.map((talk) => talk.sees('ha')))
  t.is(await waiting(), 0)
  const letGo = hold(module)
  module.forget()
  const more = Array.from({ length: 4 }, () => new Talk(where).send(forCaller(ID.tags)))
  await until(() => module.requests.length === 4)
  t.is(await waiting(), 4)
  for (const talk of [...open, ...more]) talk.close()
  await until(async () => (await waiting()) === 0)
  letGo()
  module.reply = () => answer('200 OK', [], 'well')
  t.is((await called(ID.notes, forCaller(ID.tags))).body, 'well')
})

test.serial(
  'where it is off as many wait as there are places, and no metric tells of it',
  async (t) => {
    const end = await fill(t, 12, ID.users)
    t.deepEqual(await end(), Array(12).fill('200'))
    const page = await metricsOf(installation.sidecar(ID.users))
    t.notRegex(page, /^sidecar_module_calls_(limit|waiting) /m)
  },
)
