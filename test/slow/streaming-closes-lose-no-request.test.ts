import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  get,
  ID,
  Installation,
  OK,
  Place,
  Player,
  type Reply,
  type Sidecar,
  Talk,
  verdictOf,
  type Where,
} from '../support/scenario.ts'

// A server may close a connection just when its caller sends the next request. What
// was sent before the close has to be answered. To be certain of the order, and not to depend on how
// fast anybody is, the sidecar's process is held (SIGSTOP) while the requests are sent: its kernel has
// all of them, and the process has seen none, when time is over or it is told to stop.

const T = 'X-Okapi-Tenant: diku'

/** More than it takes until the process is held. */
const LIMIT_MS = 8000
/** A drain is to finish, however busy the machine is. */
const UNHURRIED = { drainTimeoutMs: 60_000 }

interface Setting {
  readonly installation: Installation
  readonly users: Sidecar
  /** Callers of one sidecar by both of its listeners, plain and TLS. */
  callers(plain: number, secure: number): Promise<Caller[]>
}

interface Caller {
  readonly talk: Talk
  readonly text: string
}

async function open(
  t: { teardown(done: () => unknown): void },
  limits: Readonly<Record<string, number>>,
): Promise<Setting> {
  const installation = await Installation.open({
    processes: true,
    modules: [ID.users],
    more: { [ID.users]: { limits }, [ID.okapi]: { limits: UNHURRIED } },
  })
  const users = installation.sidecar(ID.users)
  t.teardown(async () => {
    users.signal('SIGCONT')
    await installation.close()
  })
  const callers = async (plain: number, secure: number) => {
    const where = await installation.ingress(ID.users, ID.okapi)
    const make = (to: Where, count: number) =>
      Array.from({ length: count }, () => ({ talk: new Talk(to), text: get('/users/1', T) }))
    return [...make(installation.egress(ID.users), plain), ...make(where, secure)]
  }
  return { installation, users, callers }
}

/** The bytes are in the kernel's hands. */
function sent({ talk, text }: Caller, times = 1): Promise<void> {
  return new Promise((resolve) => talk.socket.write(text.repeat(times), () => resolve()))
}

async function served({ talk, text }: Caller): Promise<string> {
  return verdictOf(await talk.send(text).next())
}

test.serial('idle time that ends while the next request waits to be read', async (t) => {
  // From the first answer to the last, and until the process is held, less than that passes.
  const idleMs = 12_000
  const { users, callers } = await open(t, { idleMs })
  const all = await callers(150, 30)
  const first = await Promise.all(all.map(served))
  t.deepEqual(new Set(first), new Set(['200']))
  users.signal('SIGSTOP')
  await Promise.all(all.map((caller) => sent(caller)))
  // Time for the idle time to end: nothing is asserted of how long it is.
  await pause(idleMs + 500)
  users.signal('SIGCONT')
  const second = await Promise.all(all.map(({ talk }) => talk.next().then(verdictOf, String)))
  t.deepEqual(new Set(second), new Set(['200']))
  // Those who say nothing more are let go, each without a word.
  t.deepEqual(new Set(await Promise.all(all.map(({ talk }) => talk.end()))), new Set(['']))
  t.is(await metric(users, 'sidecar_limits_hit_total{limit="idleMs"}'), all.length)
})

test.serial(
  'a head and a body that came in time are in time, however late they are read',
  async (t) => {
    const limits = { headMs: LIMIT_MS, bodyIdleMs: LIMIT_MS }
    const { users, callers } = await open(t, limits)
    const halves = await callers(20, 5)
    const head = `POST /users HTTP/1.1\r\nHost: a\r\n${T}\r\n`
    for (const [i, { talk }] of halves.entries()) {
      talk.send(i % 2 === 0 ? head : `${head}Content-Length: 4\r\n\r\nha`)
    }
    // All of them have been read as far as they go.
    t.is(await served((await callers(1, 0))[0]!), '200')
    users.signal('SIGSTOP')
    const rest = halves.map(({ talk }, i) => ({ talk, text: i % 2 === 0 ? '\r\n' : 'lf' }))
    await Promise.all(rest.map((caller) => sent(caller)))
    await pause(LIMIT_MS + 500)
    users.signal('SIGCONT')
    const verdicts = await Promise.all(rest.map(({ talk }) => talk.next().then(verdictOf, String)))
    t.deepEqual(new Set(verdicts), new Set(['200']))
    for (const { talk } of halves) talk.close()
  },
)

test.serial(
  'an answer that came within halfCloseMs is in time, however late it is read',
  async (t) => {
    const { installation, users, callers } = await open(t, { halfCloseMs: LIMIT_MS })
    const go = Promise.withResolvers<void>()
    let asked = 0
    let answered = 0
    const slow: Reply = async (message, socket) => {
      asked++
      await go.promise
      answered++
      return OK(message, socket)
    }
    installation.module(ID.users).reply = slow
    installation.okapi.reply = slow
    const all = await callers(20, 5)
    for (const { talk, text } of all) talk.socket.end(text)
    await until(() => asked === all.length)
    users.signal('SIGSTOP')
    go.resolve()
    await until(() => answered === all.length)
    await pause(LIMIT_MS + 500)
    users.signal('SIGCONT')
    const verdicts = await Promise.all(all.map(({ talk }) => talk.next().then(verdictOf, String)))
    t.deepEqual(new Set(verdicts), new Set(['200']))
    for (const { talk } of all) talk.close()
  },
)

test.serial(
  'SIGTERM under load: all that was sent before is answered, then it is over',
  async (t) => {
    const { installation, users, callers } = await open(t, UNHURRIED)
    let stopped = false
    const verdicts: string[] = []
    const load = (await callers(20, 10)).map(async ({ talk, text }) => {
      while (!stopped) verdicts.push(await talk.send(text).next().then(verdictOf, String))
      return talk
    })
    const idle = await callers(30, 10)
    const pipelining = await callers(5, 5)
    for (const caller of [...idle, ...pipelining]) t.is(await served(caller), '200')
    users.signal('SIGSTOP')
    stopped = true
    // The load has sent what it has sent; these send on connections of before, and on new ones.
    const fresh = await callers(40, 0)
    await Promise.all(
      [...idle, ...fresh]
        .map((caller) => sent(caller))
        .concat(pipelining.map((one) => sent(one, 5))),
    )
    users.signal('SIGTERM')
    users.signal('SIGCONT')
    for (const talk of await Promise.all(load)) talk.close()
    t.deepEqual(new Set(verdicts), new Set(['200']))
    for (const { talk } of [...idle, ...fresh]) {
      t.is(verdictOf(await talk.next()), '200')
      t.is(await talk.end(), '')
    }
    for (const { talk } of pipelining) {
      for (let i = 0; i < 5; i++) t.is(verdictOf(await talk.next()), '200')
      t.is(await talk.end(), '')
    }
    t.is(await users.ended, 0)
    t.is(
      installation.sidecar(ID.okapi).lines.filter(({ reason }) => reason !== undefined).length,
      0,
    )
  },
)

test.serial(
  'SIGTERM to the sidecar behind: what the one in front had sent is answered, or given back unseen',
  async (t) => {
    const { installation, callers } = await open(t, {})
    const okapi = installation.sidecar(ID.okapi)
    t.teardown(() => okapi.signal('SIGCONT'))
    const before = await callers(20, 0)
    t.deepEqual(new Set(await Promise.all(before.map(served))), new Set(['200']))
    okapi.signal('SIGSTOP')
    // More than there are connections: some are dialled while none is accepted.
    const all = [...before, ...(await callers(20, 0))]
    const answers = all.map(served)
    // A connection may be there and its request not be read: what is sent later may be given back.
    const exchanges = () => metric(installation.sidecar(ID.users), 'sidecar_exchanges_open')
    await until(async () => (await exchanges()) >= all.length)
    // What had begun by then has left by the next answer; the cable, which is in this process, has read it
    // a turn later, and what it writes is in the kernel.
    await exchanges()
    await turn()
    installation.okapi.forget()
    okapi.signal('SIGTERM')
    okapi.signal('SIGCONT')
    // What is read before the signal is answered. What is read behind it is given back, and here no other
    // sidecar takes it: that is said, and Okapi has seen nothing of it.
    const verdicts = await Promise.all(answers)
    const given = verdicts.filter((verdict) => verdict === '503 module-unavailable').length
    t.deepEqual(
      verdicts.filter((verdict) => verdict !== '200' && verdict !== '503 module-unavailable'),
      [],
    )
    t.is(installation.okapi.requests.length, verdicts.length - given)
    t.is(await okapi.ended, 0)
    for (const { talk } of all) talk.close()
  },
)

test.serial('a second signal ends it at once, whatever runs', async (t) => {
  const place = await Place.make()
  const module = await Player.start()
  t.teardown(async () => {
    await module.close()
    await place.close()
  })
  const ingress = { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` }
  const limits = { drainTimeoutMs: 3_600_000 }
  const sidecar = await place.process(ID.users, { ingress, limits })
  const held = Promise.withResolvers<void>()
  module.reply = async (asked, socket) => {
    await held.promise
    return OK(asked, socket)
  }
  const where = { port: sidecar.port('ingress'), certificate: await place.certificate(ID.okapi) }
  const running = Array.from({ length: 20 }, () => new Talk(where).send(get('/users', T)))
  await until(() => module.requests.length === running.length)
  sidecar.signal('SIGTERM')
  await sidecar.say(({ msg }) => msg === 'draining')
  // As long as it drains, it waits: an hour, if need be. The first signal alone ends nothing.
  t.is(running.filter(({ ended }) => ended).length, 0)
  sidecar.signal('SIGTERM')
  t.is(await sidecar.ended, 1)
  for (const talk of running) t.is(await talk.end(), '')
  held.resolve()
})
