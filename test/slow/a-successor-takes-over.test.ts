import { once } from 'node:events'
import net from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { until } from '../support/patience.ts'
import {
  answer,
  ask,
  get,
  ID,
  Place,
  Player,
  Process,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// A sidecar that shuts down waits for a call that hangs. Another one with the same configuration is started
// beside it: it takes each address as soon as it is free, and is ready when it has them all.

const T = 'X-Okapi-Tenant: diku'

interface Setting {
  readonly ports: Readonly<Record<'ingress' | 'egress' | 'admin' | 'status', number>>
  readonly ingress: { port: number; certificate: string }
  /** Resolves when the call that hangs has reached the module. */
  readonly arrived: Promise<void>
  /** Lets it be answered. */
  release(): void
  start(more?: Readonly<Record<string, unknown>>, id?: string): Promise<Process>
}

async function open(t: ExecutionContext): Promise<Setting> {
  const place = await Place.make()
  const module = await Player.start()
  const numbers = (await freePorts(4)) as [number, number, number, number]
  const [ingress, egress, admin, status] = numbers
  const arrived = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  module.reply = async ({ first }) => {
    if (!first.includes('hangs')) return answer('200 OK', [], 'at once')
    arrived.resolve()
    await released.promise
    return answer('200 OK', [], 'at last')
  }
  const started: Process[] = []
  t.teardown(async () => {
    for (const process of started) process.signal('SIGKILL')
    await Promise.all(started.map(({ ended }) => ended))
    await module.close()
    await place.close()
  })
  const start = async (more: Readonly<Record<string, unknown>> = {}, id: string = ID.users) => {
    const configuration = await place.configuration(id, {
      ingress: { listen: `127.0.0.1:${ingress}`, forward: `http://127.0.0.1:${module.port}` },
      egress: { listen: `127.0.0.1:${egress}`, gateway: 'https://127.0.0.1:1' },
      admin: { listen: `127.0.0.1:${admin}` },
      status: { listen: `127.0.0.1:${status}` },
      limits: { drainTimeoutMs: 60_000 },
      ...more,
    })
    const file = await place.file(`${crypto.randomUUID()}.json`, configuration)
    const process = new Process(['run', '-c', file])
    started.push(process)
    return process
  }
  return {
    ports: { ingress, egress, admin, status },
    ingress: { port: ingress, certificate: await place.certificate(ID.okapi) },
    arrived: arrived.promise,
    release: released.resolve,
    start,
  }
}

const isReady = ({ msg }: { msg?: string }) => msg === 'ready'

/** Who answers at the admin port, and how. */
async function readiness(port: number): Promise<Ready> {
  return (await (await fetch(`http://127.0.0.1:${port}/ready`)).json()) as Ready
}

interface Ready {
  readonly draining?: boolean
  readonly module?: string
}

async function connects(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Calls until this one answers; before, the other one does, or a connection is refused. */
async function servedBy(process: Process, ingress: Setting['ingress']): Promise<void> {
  await until(async () => {
    await ask(ingress, get('/users/1', T)).catch(() => {})
    return process.lines.some(({ msg, status }) => msg === 'exchange' && status === 200)
  })
}

for (const workers of [1, 2]) {
  test.serial(`while one drains with ${workers} threads the next one takes over`, async (t) => {
    const { start, ports, ingress, arrived, release } = await open(t)
    const old = await start({ workers })
    await old.say(isReady)
    const hanging = new Talk(ingress).send(get('/users/hangs', T))
    await arrived
    old.signal('SIGTERM')
    await until(async () => (await readiness(ports.admin)).draining === true)
    t.is((await readiness(ports.admin)).module, ID.users)

    const next = await start({ workers })
    await next.say(({ msg }) => msg === 'waits for the sidecar that is shutting down')
    if (workers === 1) {
      // Its callers are served by the next one, the module itself by the old one until that has finished.
      await servedBy(next, ingress)
      t.is(verdictOf(await ask(ports.egress, get('/perms/users', T))).slice(0, 3), '403')
      await old.say(({ msg, direction }) => msg === 'exchange' && direction === 'egress')
    }
    t.false(next.ready)

    release()
    t.is((await hanging.next()).body, 'at last')
    hanging.close()
    t.is(await old.ended, 0)
    await next.say(isReady)
    for (let i = 0; i < 20; i++) {
      const open = await Promise.all(Object.values(ports).map(connects))
      t.deepEqual(open, [true, true, true, true])
    }
    t.is((await ask(ingress, get('/users/1', T))).body, 'at once')
    t.deepEqual(await readiness(ports.admin), { ready: true } as Ready)
    t.is(await next.stop(), 0)
  })
}

test.serial('started beside one that leaves, it takes over when that one stops', async (t) => {
  const { start, ports, ingress, release } = await open(t)
  release()
  const old = await start()
  await old.say(isReady)
  old.signal('SIGUSR2')
  await old.say(({ msg }) => msg === 'leaving')
  const next = await start()
  const waits = 'waits for the sidecar that is shutting down'
  await next.say(({ msg, address }) => msg === waits && address === `127.0.0.1:${ports.admin}`)
  t.is((await ask(ingress, get('/users/1', T))).body, 'at once')
  await old.say(({ msg, direction }) => msg === 'exchange' && direction === 'ingress')
  t.false(next.ready)
  t.is(await old.stop(), 0)
  await next.say(isReady)
  t.is((await ask(ingress, get('/users/1', T))).body, 'at once')
  t.is(await next.stop(), 0)
})

test.serial('told to stop while it waits, it finishes what it serves', async (t) => {
  const { start, ports, ingress, arrived, release } = await open(t)
  const old = await start()
  await old.say(isReady)
  const hanging = new Talk(ingress).send(get('/users/hangs', T))
  await arrived
  old.signal('SIGTERM')
  await until(async () => (await readiness(ports.admin)).draining === true)
  const next = await start()
  await servedBy(next, ingress)
  t.is(await next.stop(), 0)
  t.false(next.ready)
  t.is(next.lines.at(-1)?.msg, 'stopped')
  release()
  t.is((await hanging.next()).body, 'at last')
  hanging.close()
  t.is(await old.ended, 0)
})

test.serial(
  'beside one that is not shutting down, or is of another module, none starts',
  async (t) => {
    const { start, ports, ingress, arrived, release } = await open(t)
    const old = await start()
    await old.say(isReady)
    const refused = new RegExp(`cannot listen on 127\\.0\\.0\\.1:${ports.egress}: it is in use`)
    const twice = await start()
    t.is(await twice.ended, 2)
    t.regex(twice.err, refused)
    const hanging = new Talk(ingress).send(get('/users/hangs', T))
    await arrived
    old.signal('SIGTERM')
    await until(async () => (await readiness(ports.admin)).draining === true)
    const other = await start({}, ID.notes)
    t.is(await other.ended, 2)
    t.regex(other.err, refused)
    release()
    t.is((await hanging.next()).body, 'at last')
    hanging.close()
    t.is(await old.ended, 0)
  },
)
