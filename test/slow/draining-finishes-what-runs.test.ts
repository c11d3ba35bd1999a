import { once } from 'node:events'
import net from 'node:net'
import test from 'ava'
import { until } from '../support/patience.ts'
import {
  answer,
  ask,
  get,
  ID,
  Installation,
  Place,
  Player,
  Process,
  type Reply,
  type Sidecar,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

const T = 'X-Okapi-Tenant: diku'

interface Setting {
  readonly sidecar: Sidecar
  readonly module: Player
  /** Resolves when a call has arrived at the module, which keeps it. */
  readonly arrived: Promise<void>
  /** Lets the module answer. */
  release(): void
  readonly where: { port: number; certificate: string }
}

/** A sidecar of mod-users, and a module that answers when it is told to. */
async function setting(
  t: { teardown(done: () => unknown): void },
  more: Record<string, unknown> = {},
): Promise<Setting> {
  const place = await Place.make()
  const module = await Player.start()
  const sidecar = await place.process(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` },
    ...more,
  })
  t.teardown(async () => {
    sidecar.signal('SIGKILL')
    await sidecar.ended
    await module.close()
    await place.close()
  })
  const arrived = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const slowly: Reply = async () => {
    arrived.resolve()
    await released.promise
    return answer('200 OK', [], 'at last')
  }
  module.reply = slowly
  const certificate = await place.certificate(ID.okapi)
  const where = { port: sidecar.port('ingress'), certificate }
  return { sidecar, module, arrived: arrived.promise, release: released.resolve, where }
}

/** ECONNREFUSED, or 'open'. */
async function dial(port: number): Promise<string | undefined> {
  const socket = net.connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return 'open'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  } finally {
    socket.destroy()
  }
}

function refusesConnections(port: number): Promise<void> {
  return until(async () => (await dial(port)) === 'ECONNREFUSED')
}

test.serial('the running exchange finishes, new connections are refused, exit 0', async (t) => {
  const { sidecar, arrived, release, where } = await setting(t)
  const running = new Talk(where).send(get('/users/1', T))
  await arrived
  sidecar.signal('SIGTERM')
  await refusesConnections(where.port)
  const ready = await fetch(`http://127.0.0.1:${sidecar.port('admin')}/ready`)
  t.is(ready.status, 503)
  t.is((await fetch(`http://127.0.0.1:${sidecar.port('admin')}/live`)).status, 200)
  release()
  const answered = await running.next()
  t.is(answered.body, 'at last')
  t.true(answered.lines.includes('Connection: close'))
  t.is(await running.end(), '')
  t.is(await sidecar.ended, 0)
  t.deepEqual(
    sidecar.lines.slice(-4).map(({ msg, status, drained }) => [msg, status ?? drained]),
    [
      ['draining', undefined],
      ['drain waits for exchanges', undefined],
      ['exchange', 200],
      ['stopped', true],
    ],
  )
})

/** What it waits for, as the log says it. */
interface Waiting {
  readonly caller: string
  readonly at: string
  readonly method: string
  readonly route: string
  readonly requestId: string
  readonly ageMs: number
}

for (const link of [true, false]) {
  const over = link ? 'a link' : 'HTTP/1.1'
  test.serial(`the log says what is waited for, and what was cut, over ${over}`, async (t) => {
    const limits = { drainTimeoutMs: 300 }
    const arrived = Promise.withResolvers<void>()
    const installation = await Installation.open({
      processes: true,
      modules: [ID.users, ID.notes],
      more: { [ID.users]: { link, limits } },
    })
    t.teardown(() => installation.close())
    installation.module(ID.users).reply = async () => {
      arrived.resolve()
      return new Promise(() => {})
    }
    const path = `/${ID.users}/users/0815?query=secret`
    const running = new Talk(installation.modules).send(
      get(path, T, 'X-Okapi-Request-Id: 4711/users'),
    )
    await arrived.promise
    const sidecar = installation.sidecar(ID.users)
    sidecar.signal('SIGTERM')
    t.is(await sidecar.ended, 1)
    running.close()
    for (const msg of ['drain waits for exchanges', 'drain timed out, cutting']) {
      const [line] = await sidecar.say((each) => each.msg === msg)
      const { exchanges, oldest } = line as unknown as { exchanges: number; oldest: [Waiting] }
      const [{ ageMs, ...what }] = oldest
      t.is(exchanges, 1)
      t.deepEqual(what, {
        direction: 'ingress',
        caller: ID.okapi,
        at: ID.users,
        method: 'GET',
        route: '/users/{id}',
        requestId: '4711/users',
      })
      t.true(ageMs >= 0)
    }
    t.notRegex(sidecar.out, /0815|secret/)
  })
}

test.serial('an idle connection is closed, and what it had sent before is answered', async (t) => {
  const { sidecar, release, where } = await setting(t)
  release()
  const idle = new Talk(where)
  t.is(verdictOf(await idle.send(get('/users/1', T)).next()), '200')
  sidecar.signal('SIGTERM')
  t.is(await idle.end(), '')
  t.is(await sidecar.ended, 0)
})

test.serial('the second signal stops at once', async (t) => {
  const { sidecar, arrived, where } = await setting(t)
  const running = new Talk(where).send(get('/users/1', T))
  await arrived
  sidecar.signal('SIGTERM')
  await refusesConnections(where.port)
  sidecar.signal('SIGTERM')
  t.is(await sidecar.ended, 1)
  t.is(await running.end(), '')
  t.true(sidecar.lines.some(({ msg }) => /^stopped at once by a second signal/.test(`${msg}`)))
})

test.serial(
  'exchanges that do not finish in time are cut, and the exit code says so',
  async (t) => {
    const { sidecar, arrived, where } = await setting(t, { limits: { drainTimeoutMs: 100 } })
    const running = new Talk(where).send(get('/users/1', T))
    await arrived
    sidecar.signal('SIGINT')
    t.is(await sidecar.ended, 1)
    t.is(await running.end(), '')
    t.is(sidecar.lines.at(-1)?.drained, false)
  },
)

test.serial('a sidecar that served nothing drains too', async (t) => {
  const { sidecar, release, where } = await setting(t)
  release()
  t.is(verdictOf(await ask(where, get('/users/1', T))), '200')
  t.is(await sidecar.stop(), 0)
  t.is(sidecar.err, '')
})

test.serial('told to stop the moment it is ready, it drains', async (t) => {
  const place = await Place.make()
  t.teardown(() => place.close())
  const egress = { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' }
  const file = await place.file('early.json', await place.configuration(ID.users, { egress }))
  const early = new Process(['run', '-c', file])
  await early.say(({ msg }) => msg === 'ready')
  t.is(await early.stop(), 0)
  t.is(early.lines.at(-1)?.msg, 'stopped')
})

test.serial('SIGHUP ends nothing: the log says what needs a restart', async (t) => {
  const { sidecar, arrived, release, where } = await setting(t)
  const reply = ask(where, get('/users/1', T))
  await arrived
  sidecar.signal('SIGHUP')
  const [line] = await sidecar.say(({ msg }) => msg === 'not reloaded')
  t.regex(String(line?.['hint']), /a changed configuration needs a restart/)
  release()
  t.is(verdictOf(await reply), '200')
  t.is(await sidecar.stop(), 0)
})
