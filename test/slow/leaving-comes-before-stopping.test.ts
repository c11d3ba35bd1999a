import net from 'node:net'
import test from 'ava'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  OK,
  Place,
  Player,
  Process,
  request,
  type Sidecar,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// A sidecar is told that it will be stopped before its module is: callers go elsewhere, what runs
// finishes, and so do the calls that the module makes to finish it.

const T = 'X-Okapi-Tenant: diku'

/** Mod-notes, whose sidecar will be stopped, and Okapi. */
async function installation(t: { teardown(done: () => unknown): void }): Promise<Installation> {
  const opened = await Installation.open({
    processes: true,
    modules: [ID.notes],
    more: { [ID.notes]: { limits: { drainTimeoutMs: 60_000 } } },
  })
  t.teardown(() => opened.close())
  return opened
}

/** The module answers when it is told to. */
function slow(module: Player): { arrived: Promise<void>; release(): void } {
  const arrived = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  module.reply = async () => {
    arrived.resolve()
    await released.promise
    return answer('200 OK', [], 'at last')
  }
  return { arrived: arrived.promise, release: released.resolve }
}

async function leave(sidecar: Sidecar): Promise<void> {
  sidecar.signal('SIGUSR2')
  await sidecar.say(({ msg }) => msg === 'leaving')
}

function refusesConnections(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  return new Promise<boolean>((resolve) => {
    socket.on('connect', () => resolve(false))
    socket.on('error', () => resolve(true))
  }).finally(() => socket.destroy())
}

async function caller(of: Installation): Promise<{ port: number; certificate: string }> {
  const { port } = await of.ingress(ID.notes, ID.okapi)
  return { port, certificate: await of.place.certificate(ID.okapi) }
}

test.serial('while it leaves HTTP/1.1 is served, and told to go; it is not ready', async (t) => {
  const opened = await installation(t)
  const sidecar = opened.sidecar(ID.notes)
  const module = opened.module(ID.notes)
  const where = await caller(opened)
  const open = new Talk(where)
  t.is(verdictOf(await open.send(get('/notes', T)).next()), '200')
  await leave(sidecar)
  const ready = await fetch(`http://127.0.0.1:${sidecar.port('admin')}/ready`)
  t.is(ready.status, 503)
  t.true((await ready.text()).includes('"draining":true'))
  for (const talk of [open, new Talk(where)]) {
    const told = await talk.send(get('/notes', T)).next()
    t.is(verdictOf(told), '200')
    t.is(field(told, 'Connection'), 'close')
    t.is(await talk.end(), '')
  }
  // Okapi asks whether the module is well: no, for it goes.
  t.is(verdictOf(await ask(where, get('/', T))), '503 draining')
  await module.close()
  t.is(verdictOf(await ask(where, get('/notes', T))), '503 draining')
  t.is(await sidecar.stop(), 0)
})

test.serial('every thread leaves', async (t) => {
  const opened = await Installation.open({
    processes: true,
    modules: [ID.notes],
    more: { [ID.notes]: { workers: 2 } },
  })
  t.teardown(() => opened.close())
  const where = await caller(opened)
  await leave(opened.sidecar(ID.notes))
  // Which thread takes a connection is not for us to choose: many at once find both.
  await until(async () => {
    const talks = Array.from({ length: 16 }, () => new Talk(where))
    const told = await Promise.all(talks.map((talk) => talk.send(get('/notes', T)).next()))
    for (const talk of talks) talk.close()
    return told.every((each) => field(each, 'Connection') === 'close')
  })
  t.is(await opened.sidecar(ID.notes).stop(), 0)
})

test.serial(
  'running exchanges finish while it leaves, and the module calls as before',
  async (t) => {
    const opened = await installation(t)
    const { arrived, release } = slow(opened.module(ID.notes))
    const running = new Talk(await caller(opened)).send(get('/notes', T))
    await arrived
    await leave(opened.sidecar(ID.notes))
    t.is(verdictOf(await ask(opened.egress(ID.notes), get('/users/1', T))), '200')
    release()
    t.is((await running.next()).body, 'at last')
    running.close()
  },
)

test.serial('SIGTERM: its own calls are served until what came from outside is done', async (t) => {
  const opened = await installation(t)
  const sidecar = opened.sidecar(ID.notes)
  const { arrived, release } = slow(opened.module(ID.notes))
  const where = await caller(opened)
  const running = new Talk(where).send(get('/notes', T))
  await arrived
  sidecar.signal('SIGTERM')
  await until(() => refusesConnections(where.port))
  for (const i of [1, 2]) {
    t.is(verdictOf(await ask(opened.egress(ID.notes), get(`/users/${i}`, T))), '200')
  }
  release()
  t.is((await running.next()).body, 'at last')
  t.is(await sidecar.ended, 0)
})

test.serial('over a link new exchanges are given back, and the caller waits', async (t) => {
  const place = await Place.make()
  const module = await Player.start()
  const forward = `http://127.0.0.1:${module.port}`
  const notes = await place.process(ID.notes, { ingress: { listen: '127.0.0.1:0', forward } })
  const address = `https://127.0.0.1:${notes.port('ingress')}`
  const okapi = await place.process(ID.okapi, {
    egress: { modules: { listen: '127.0.0.1:0', address } },
    limits: { connectWaitMs: 300 },
  })
  t.teardown(async () => {
    await okapi.stop()
    await notes.stop()
    await module.close()
    await place.close()
  })
  const modules = okapi.port('modules')
  const { arrived, release } = slow(module)
  const running = new Talk(modules).send(get(`/${ID.notes}/notes`, T))
  await arrived
  await leave(notes)
  module.reply = OK
  const created = request(`POST /${ID.notes}/notes`, [T], '{"title":"a"}')
  const refused = await Promise.all([
    ask(modules, get(`/${ID.notes}/notes`, T)),
    ask(modules, created),
  ])
  t.deepEqual(refused.map(verdictOf), ['503 module-unavailable', '503 module-unavailable'])
  t.is(module.requests.length, 1)
  t.true((await metric(notes, 'sidecar_refusals_total{direction="ingress",reason="draining"}')) > 0)
  release()
  t.is((await running.next()).body, 'at last')
  running.close()
  t.is(await notes.stop(), 0)
})

test.serial(
  'the verb finds the sidecar by its process, and says which where several run',
  async (t) => {
    const place = await Place.make()
    t.teardown(() => place.close())
    const egress = { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' }
    const run = async (name: string) => {
      const file = await place.file(name, await place.configuration(ID.users, { egress }))
      const sidecar = new Process(['run', '-c', file])
      t.teardown(() => sidecar.signal('SIGKILL'))
      await sidecar.say(({ msg }) => msg === 'ready')
      return { file, sidecar }
    }
    const [one, other] = [await run('one.json'), await run('other.json')]
    const unclear = new Process(['leave'])
    t.is(await unclear.ended, 2)
    t.true(unclear.err.includes(`${one.sidecar.pid} (${one.file})`), unclear.err)
    t.true(unclear.err.includes('--pid'), unclear.err)
    t.is(await new Process(['leave', '-c', other.file]).ended, 0)
    await other.sidecar.say(({ msg }) => msg === 'leaving')
    t.false(one.sidecar.lines.some(({ msg }) => msg === 'leaving'))
    t.is(await new Process(['leave', '--pid', String(one.sidecar.pid)]).ended, 0)
    await one.sidecar.say(({ msg }) => msg === 'leaving')
    // Told twice it goes on as before.
    t.is(await new Process(['leave', '--pid', String(one.sidecar.pid)]).ended, 0)
    t.deepEqual([await one.sidecar.stop(), await other.sidecar.stop()], [0, 0])
  },
)

test.serial(
  'the verb touches no other program, nor a sidecar that cannot take the signal',
  async (t) => {
    const own = new Process(['leave', '--pid', String(process.pid)])
    t.is(await own.ended, 1)
    t.true(own.err.includes('no such process'), own.err)
    const wrong = new Process(['leave', '--pid', 'all'])
    t.is(await wrong.ended, 2)
  },
)
