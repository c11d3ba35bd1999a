import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net, { type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { ask, get, ID, Place, Player, Process, verdictOf } from '../support/scenario.ts'

// A sidecar that cannot have one of its addresses says so and ends, even when a caller has found one of the others
// meanwhile. Nothing is read of them, and nothing answered.

const T = 'X-Okapi-Tenant: diku'

interface Setting {
  readonly place: Place
  readonly module: Player
  /** Of the ports that it is to listen on, the one that another process has. */
  readonly taken: Server
  readonly ports: Readonly<Record<'public' | 'ingress' | 'modules' | 'admin', number>>
  configuration(more: Readonly<Record<string, unknown>>): Promise<string>
}

async function open(t: { teardown(done: () => unknown): void }): Promise<Setting> {
  const place = await Place.make()
  const module = await Player.start()
  const taken = net.createServer((socket) => socket.destroy())
  taken.listen(...(await freePorts(1)), '127.0.0.1')
  await once(taken, 'listening')
  const [browsers, ingress, modules, admin] = (await freePorts(4)) as [
    number,
    number,
    number,
    number,
  ]
  const directory = await place.certificate('client/browsers')
  t.teardown(async () => {
    await new Promise((resolve) => taken.close(resolve))
    await module.close()
    await place.close()
  })
  const configuration = async (more: Readonly<Record<string, unknown>>) =>
    place.file(
      `${crypto.randomUUID()}.json`,
      await place.configuration(ID.okapi, {
        ingress: { listen: `127.0.0.1:${ingress}`, forward: `http://127.0.0.1:${module.port}` },
        egress: { modules: { listen: `127.0.0.1:${modules}` } },
        public: { listen: `127.0.0.1:${browsers}`, credentials: { directory } },
        admin: { listen: `127.0.0.1:${admin}` },
        ...more,
      }),
    )
  const ports = { public: browsers, ingress, modules, admin }
  return { place, module, taken, ports, configuration }
}

/** Callers who connect and ask, again and again, until they are told to stop. */
class Crowd {
  /** Everything that anybody was answered. */
  answers = ''
  /** Connections that were accepted. */
  accepted = 0
  readonly #sockets = new Set<Socket>()
  #over = false

  constructor(connects: readonly (() => Socket)[], text: string) {
    for (const connect of connects) this.#again(connect, text)
  }

  stop(): void {
    this.#over = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #again(connect: () => Socket, text: string): void {
    if (this.#over) return
    const socket = connect()
    this.#sockets.add(socket)
    socket.on('connect', () => {
      this.accepted++
    })
    socket.on('data', (bytes) => {
      this.answers += bytes
      socket.write(text)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      setImmediate(() => this.#again(connect, text))
    })
    socket.write(text)
  }
}

async function crowdAt({ place, ports }: Setting): Promise<Crowd> {
  const certificate = await place.certificate(ID.users)
  const read = (name: string) => readFileSync(join(certificate, name))
  const own = { ca: read('ca.crt'), cert: read('tls.crt'), key: read('tls.key') }
  const host = '127.0.0.1'
  const secure = { host, ca: own.ca, checkServerIdentity: () => undefined }
  const ways = [
    () => net.connect(ports.modules, host),
    () => tls.connect({ ...secure, port: ports.public }),
    () => tls.connect({ ...secure, ...own, port: ports.ingress }),
  ]
  return new Crowd(
    ways.flatMap((way) => Array(8).fill(way)),
    get('/users', T),
  )
}

for (const workers of [1, 2]) {
  for (const what of ['admin', 'status'] as const) {
    test.serial(
      `${what}.listen is in use, and ${workers} threads are called at once`,
      async (t) => {
        const setting = await open(t)
        const { taken, module, configuration } = setting
        const { port } = taken.address() as net.AddressInfo
        const file = await configuration({ workers, [what]: { listen: `127.0.0.1:${port}` } })
        const crowd = await crowdAt(setting)
        t.teardown(() => crowd.stop())
        const failing = new Process(['run', '-c', file])
        t.is(await failing.ended, 2)
        t.regex(failing.err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: it is in use`))
        t.false(failing.ready)
        t.is(crowd.answers, '')
        t.is(module.bytes, '')
        crowd.stop()
      },
    )
  }

  test.serial(
    `with every address to be had, ${workers} threads serve those who were early`,
    async (t) => {
      const setting = await open(t)
      const { module, ports, configuration } = setting
      const crowd = await crowdAt(setting)
      t.teardown(() => crowd.stop())
      const sidecar = new Process(['run', '-c', await configuration({ workers })])
      await sidecar.say(({ msg }) => msg === 'ready')
      t.is(
        verdictOf(await ask(ports.modules, get(`/${ID.users}/users`, T))),
        '502 upstream-unreachable',
      )
      await sidecar.say(({ msg, direction }) => msg === 'exchange' && direction === 'public', 8)
      t.true(module.requests.length > 0)
      crowd.stop()
      t.is(await sidecar.stop(), 0)
    },
  )
}

test.serial('a signal ends a start that waits for something', async (t) => {
  const { place } = await open(t)
  const socket = join(place.directory, 'agent.sock')
  const agent = net.createServer(() => {}).listen(socket)
  await once(agent, 'listening')
  const asked = once(agent, 'connection')
  t.teardown(() => agent.close())
  const file = await place.file('waits.json', {
    ...(await place.configuration(ID.users, {
      egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' },
    })),
    credentials: { spiffe: { socket: `unix://${socket}` } },
  })
  const starting = new Process(['run', '-c', file])
  const [connection] = await asked
  starting.signal('SIGTERM')
  t.is(await starting.ended, 0)
  t.is(starting.lines.at(-1)?.msg, 'stopped before it was ready')
  connection.destroy()
})
