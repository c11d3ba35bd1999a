import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { NameServer } from '../support/name-server.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import { ID, Place, Process, Sidecar } from '../support/scenario.ts'

// Pods are stopped while calls run, in the order in which Kubernetes does it: the name loses the address,
// the sidecar's preStop hook runs, then the module gets SIGTERM and closes its port, and its sidecar SIGTERM
// a moment later. Each call gets its one answer.

/** Processes find each other by a name server of the test: only root may give them another /etc/resolv.conf. */
const mayMount = spawnSync('unshare', ['-m', 'true']).status === 0
const scenario = mayMount ? test.serial : test.serial.skip

const CALLERS = 6
const T = { 'X-Okapi-Tenant': 'diku' }
const NAME = 'pods.test'

/** A module, or Okapi, that ends as they should: what it has begun it finishes. */
class Module {
  /** Requests by their target; each must come once. */
  readonly seen: string[]
  readonly #server: Server

  private constructor(seen: string[]) {
    this.seen = seen
    this.#server = createServer((request, response) => {
      request.resume()
      request.on('end', () => {
        this.seen.push(request.url ?? '')
        setTimeout(() => response.end(`answer to ${request.url}`), 5)
      })
    })
  }

  static async start(seen: string[]): Promise<Module> {
    const module = new Module(seen)
    module.#server.listen(0, '127.0.0.1')
    await once(module.#server, 'listening')
    return module
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** As at SIGTERM: the port is closed; resolves when what ran has been answered. */
  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve)
      this.#server.closeIdleConnections()
    })
  }
}

/** A module and its sidecar. */
interface Pod {
  readonly address: string
  readonly module: Module
  readonly sidecar: Sidecar
}

/** Callers that ask one after the other until they are told to stop. */
class Callers {
  /** Answers that were not the right one. */
  readonly wrong: string[] = []
  answered = 0
  readonly #port: number
  readonly #path: string
  readonly #agent = new Agent({ keepAlive: true })
  readonly #running: Promise<void>[]
  #stopped = false
  #asked = 0

  constructor(port: number, path: string) {
    this.#port = port
    this.#path = path
    this.#running = Array.from({ length: CALLERS }, () => this.#run())
  }

  /** Waits until so many more have been answered. */
  async more(count: number): Promise<void> {
    const target = this.answered + count
    await until(() => this.answered >= target)
  }

  /** Resolves to the targets that were asked for, when the last is answered. */
  async stop(): Promise<readonly string[]> {
    this.#stopped = true
    await Promise.all(this.#running)
    this.#agent.destroy()
    return Array.from({ length: this.#asked }, (_, i) => `/users/${i}`)
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const target = `/users/${this.#asked++}`
      const body = this.#asked % 2 === 0 ? null : '{}'
      const said = await this.#ask(target, body).catch(String)
      this.answered++
      if (said !== `200 answer to ${target}`) this.wrong.push(said)
    }
  }

  async #ask(target: string, body: string | null): Promise<string> {
    const path = `${this.#path}${target}`
    const method = body === null ? 'GET' : 'PUT'
    const to = { host: '127.0.0.1', port: this.#port, path, method, headers: T, agent: this.#agent }
    const request = httpRequest(to)
    request.end(body ?? undefined)
    const [response] = await once(request, 'response')
    let text = ''
    for await (const part of response) text += part
    return `${response.statusCode} ${text}`
  }
}

/** Pods behind one name, which come and go. */
class Pods {
  readonly place: Place
  readonly port: number
  /** Requests as modules saw them. */
  readonly seen: string[] = []
  readonly #id: string
  readonly #names: NameServer
  readonly #up: Pod[] = []
  readonly #more: Record<string, unknown>
  #addresses = 1

  private constructor(id: string, place: Place, names: NameServer, port: number, more: object) {
    this.#id = id
    this.place = place
    this.#names = names
    this.port = port
    this.#more = { ...more }
  }

  static async open(
    t: { teardown(done: () => unknown): void },
    id: string,
    more: object = {},
  ): Promise<Pods> {
    const place = await Place.make()
    const names = await NameServer.start()
    const [port] = await freePorts(1)
    const pods = new Pods(id, place, names, port!, more)
    t.teardown(async () => {
      for (const { sidecar, module } of [...pods.#up]) {
        sidecar.signal('SIGKILL')
        await module.stop()
      }
      await names.close()
      await place.close()
    })
    return pods
  }

  /** One more is there, and its name tells so. */
  async start(): Promise<Pod> {
    const address = `127.0.1.${this.#addresses++}`
    const module = await Module.start(this.seen)
    const ingress = {
      listen: `${address}:${this.port}`,
      forward: `http://127.0.0.1:${module.port}`,
    }
    const sidecar = await this.place.process(this.#id, { ingress, ...this.#more })
    const pod = { address, module, sidecar }
    this.#up.push(pod)
    this.#tell()
    return pod
  }

  /** No new call leads to it. */
  gone(pod: Pod): void {
    this.#up.splice(this.#up.indexOf(pod), 1)
    this.#tell()
  }

  /** Waits until the name has been looked up twice from now on: the caller has had the first answer. */
  async lookedUp(): Promise<void> {
    const asked = () => this.#names.count(`A ${NAME}`)
    const before = asked()
    await until(() => asked() >= before + 2)
  }

  /** A sidecar that finds the pods by their name. */
  async caller(t: { teardown(done: () => unknown): void }, id: string, more: object) {
    const limits = { connectWaitMs: 50_000 }
    const configuration = await this.place.configuration(id, { ...more, limits })
    const file = await this.place.file(`${crypto.randomUUID()}.json`, configuration)
    const sidecar = await Sidecar.process(id, file, {}, this.#withNames())
    t.teardown(() => sidecar.stop())
    return sidecar
  }

  #tell(): void {
    this.#names.zones.set(NAME, { a: this.#up.map(({ address }) => address), ttl: 1 })
  }

  #withNames(): readonly string[] {
    const file = join(this.place.directory, 'resolv.conf')
    writeFileSync(file, `nameserver 127.0.0.1:${this.#names.port}\n`)
    const script = `mount --bind ${file} /etc/resolv.conf && exec "$@"`
    return ['unshare', '-m', 'sh', '-c', script, '_']
  }
}

/** The preStop hook, as in the container: it finds the sidecar by its process. */
async function leave({ sidecar }: Pod): Promise<void> {
  const hook = new Process(['leave', '--pid', String(sidecar.pid)])
  if ((await hook.ended) !== 0) throw new Error(hook.err)
  await sidecar.say(({ msg }) => msg === 'leaving')
}

/** What the module's preStop sleep is for: a call of HTTP/1.1 to an address of an older answer. */
async function hasNoCallers(pods: Pods, { sidecar }: Pod): Promise<void> {
  await pods.lookedUp()
  await until(
    async () => (await metric(sidecar, 'sidecar_connections_open{direction="ingress"}')) === 0,
  )
}

/** As kubelet deletes a pod of the chart. */
async function deletePod(pods: Pods, pod: Pod): Promise<number | string> {
  pods.gone(pod)
  await leave(pod)
  await hasNoCallers(pods, pod)
  return kill(pod)
}

/** SIGTERM to the module, and a moment later to its sidecar. */
async function kill({ module, sidecar }: Pod): Promise<number | string> {
  const stopped = module.stop()
  await pause(150)
  sidecar.signal('SIGTERM')
  await stopped
  return sidecar.ended
}

const LISTEN = '127.0.0.1:0'

/** What Okapi's sidecar has beside its ingress. */
function toModules(port: number) {
  return { egress: { modules: { listen: LISTEN, address: `https://${NAME}:${port}` } } }
}

for (const link of [true, false]) {
  const over = link ? 'a link' : 'HTTP/1.1'
  scenario(`two replicas are replaced one after the other, over ${over}`, async (t) => {
    const pods = await Pods.open(t, ID.users)
    const old = [await pods.start(), await pods.start()]
    const okapi = await pods.caller(t, ID.okapi, { link, ...toModules(pods.port) })
    const callers = new Callers(okapi.port('modules'), `/${ID.users}`)
    await callers.more(100)
    for (const pod of old) {
      await pods.start()
      t.is(await deletePod(pods, pod), 0)
      await callers.more(100)
    }
    const asked = await callers.stop()
    t.deepEqual(callers.wrong, [])
    t.deepEqual(pods.seen.toSorted(), asked.toSorted())
  })
}

scenario('one of two replicas is deleted', async (t) => {
  const pods = await Pods.open(t, ID.users)
  const [, pod] = [await pods.start(), await pods.start()]
  const okapi = await pods.caller(t, ID.okapi, toModules(pods.port))
  const callers = new Callers(okapi.port('modules'), `/${ID.users}`)
  await callers.more(100)
  t.is(await deletePod(pods, pod), 0)
  await callers.more(100)
  const asked = await callers.stop()
  t.deepEqual(callers.wrong, [])
  t.deepEqual(pods.seen.toSorted(), asked.toSorted())
})

scenario('the only replica is deleted, and the next one comes later', async (t) => {
  const pods = await Pods.open(t, ID.users)
  const pod = await pods.start()
  const okapi = await pods.caller(t, ID.okapi, toModules(pods.port))
  const callers = new Callers(okapi.port('modules'), `/${ID.users}`)
  await callers.more(100)
  pods.gone(pod)
  await leave(pod)
  // Callers come back as long as nothing else is there: what they ask is given back.
  await until(async () => (await metric(pod.sidecar, 'sidecar_exchanges_open')) === 0)
  t.is(await kill(pod), 0)
  await pods.start()
  await callers.more(100)
  const asked = await callers.stop()
  t.deepEqual(callers.wrong, [])
  t.deepEqual(pods.seen.toSorted(), asked.toSorted())
})

scenario('without the hook the sidecar gets SIGTERM before its module does', async (t) => {
  const pods = await Pods.open(t, ID.users)
  const [, pod] = [await pods.start(), await pods.start()]
  const okapi = await pods.caller(t, ID.okapi, toModules(pods.port))
  const callers = new Callers(okapi.port('modules'), `/${ID.users}`)
  await callers.more(100)
  pods.gone(pod)
  pod.sidecar.signal('SIGTERM')
  t.is(await pod.sidecar.ended, 0)
  await pod.module.stop()
  await callers.more(100)
  const asked = await callers.stop()
  t.deepEqual(callers.wrong, [])
  t.deepEqual(pods.seen.toSorted(), asked.toSorted())
})

scenario('Okapi’s own pods are replaced one after the other', async (t) => {
  const pods = await Pods.open(t, ID.okapi, toModules(1))
  const old = [await pods.start(), await pods.start()]
  const egress = { listen: LISTEN, gateway: `https://${NAME}:${pods.port}` }
  const notes = await pods.caller(t, ID.notes, { egress })
  const callers = new Callers(notes.port('egress'), '')
  await callers.more(100)
  for (const pod of old) {
    await pods.start()
    t.is(await deletePod(pods, pod), 0)
    await callers.more(100)
  }
  const asked = await callers.stop()
  t.deepEqual(callers.wrong, [])
  t.deepEqual(pods.seen.toSorted(), asked.toSorted())
})
