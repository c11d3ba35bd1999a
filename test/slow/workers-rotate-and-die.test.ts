import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { patiently, until } from '../support/patience.ts'
import { type Issued, moduleNames, type TestCa } from '../support/pki.ts'
import { Client, Load, OKAPI, serialOf, startTwo, type Two } from '../support/rotation.ts'
import {
  answer,
  get,
  ID,
  Place,
  Player,
  Process,
  Sidecar,
  Talk,
  verdictOf,
} from '../support/scenario.ts'
import { broken, everywhere, factsOf, served } from '../support/workers.ts'

const T = 'X-Okapi-Tenant: diku'
const workers = 2
const ROUNDS = 30

/** How a process ended of itself. */
const over = (one: Process) => patiently(one.ended, () => `it does not end: ${one.err}${one.out}`)

test.serial(
  'thirty rotations under load: no request is lost, and every thread ends with one generation',
  async (t) => {
    const two = await startTwo(t, { workers })
    const { ca, users, okapi } = two
    const loads = [new Load('out', two.out, 6), new Load('into', two.into, 6)]
    for (let round = 1; round <= ROUNDS; round++) {
      for (const each of [users, okapi]) each.put(await each.issue(ca), [ca])
      await Promise.all([users.reached(round + 1), okapi.reached(round + 1)])
    }
    for (const load of loads) await load.stop()
    t.deepEqual(
      loads.flatMap(({ lost }) => lost),
      [],
    )
    t.log({ answered: loads.map(({ answered }) => answered), served: await served(okapi.process) })
    for (const each of [users, okapi]) {
      t.is(await each.metric('sidecar_credentials_generation'), ROUNDS + 1)
      t.is(await each.metric('sidecar_credentials_reload_total{result="ok"}'), ROUNDS + 1)
      t.is(await each.metric('sidecar_credentials_reload_total{result="failed"}'), 0)
      t.true((await served(each.process)).every((count) => count > 0))
    }
    const serials = await shownEverywhere(t, two)
    t.deepEqual(serials, new Set([serialOf(users.leaf)]))
  },
)

/** Connections with this leaf to every thread of mod-users' sidecar; each has asked once. */
async function connected(t: ExecutionContext, { ca, users }: Two, leaf: Issued) {
  const sockets: TLSSocket[] = []
  const before = (await factsOf(users.process)).workers.map(({ connections }) => connections)
  while (sockets.length < 400) {
    sockets.push(await opened(t, users.process.port('ingress'), ca, leaf))
    const { workers: now } = await factsOf(users.process)
    if (now.every(({ connections }, i) => connections > before[i]!)) return sockets
  }
  throw new Error(`a thread got none of ${sockets.length} connections`)
}

async function opened(t: ExecutionContext, port: number, ca: TestCa, leaf: Issued) {
  const socket = connect({
    host: '127.0.0.1',
    port,
    key: leaf.keyPem,
    cert: leaf.chainPem,
    ca: ca.rootPem,
    checkServerIdentity: () => undefined,
  })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(get('/users', T))
  await patiently(once(socket, 'data'), () => 'no answer on a new connection')
  return socket
}

/** The certificates that new connections are shown, at least one in each thread. */
async function shownEverywhere(t: ExecutionContext, two: Two): Promise<Set<string>> {
  const sockets = await connected(t, two, await two.ca.issue(moduleNames(OKAPI)))
  return new Set(sockets.map((each) => each.getPeerCertificate().serialNumber.toLowerCase()))
}

test.serial('a peer that is revoked is cut in every thread, and let in by none', async (t) => {
  const two = await startTwo(t, { workers })
  const { ca, users } = two
  const bad = await ca.issue(moduleNames(OKAPI))
  const sockets = await connected(t, two, bad)
  const closed = Promise.all(sockets.map((socket) => once(socket, 'close')))
  users.put(users.leaf, [ca], [await ca.crl([bad])])
  await users.reached(2)
  await patiently(closed, () => `not all are cut: ${sockets.map(({ closed: gone }) => gone)}`)
  const cuts = await users.process.say(
    ({ msg, reason }) => msg === 'peer cut off' && reason === 'revoked-certificate',
    workers,
  )
  t.is(
    cuts.reduce((sum, { connections = 0 }) => sum + connections, 0),
    sockets.length,
  )
  const into = new URL(`https://127.0.0.1:${users.process.port('ingress')}/users`)
  for (let i = 0; i < 12; i++) {
    const again = new Client(into, () => ({ leaf: bad, ca: ca.certPem }))
    t.like(await again.ask(), { status: 403, refused: 'revoked-certificate' })
    again.close()
  }
})

/** A sidecar of mod-users with two threads, of which one has a broken dependency. */
async function withBroken(t: ExecutionContext, script: string) {
  const place = await Place.make()
  const module = await Player.start()
  const { env, file } = broken('worker 2', script)
  const configuration = await place.file(
    'broken.json',
    await place.configuration(ID.users, {
      ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` },
      workers,
    }),
  )
  const sidecar = await Sidecar.process(ID.users, configuration, env)
  t.teardown(async () => {
    sidecar.signal('SIGKILL')
    await sidecar.ended
    await module.close()
    await place.close()
  })
  const where = { port: sidecar.port('ingress'), certificate: await place.certificate(ID.okapi) }
  return { sidecar, module, where, breakIt: () => writeFileSync(file, 'now') }
}

for (const [how, script, why] of [
  ['an uncaught error', `throw new Error('a broken dependency')`, /a broken dependency/],
  ['no memory left', 'const all = []; for (;;) all.push(new Array(1e6).fill({}))', /memory/],
  ['an exit', 'process.exit(0)', /exit code 0/],
] as const) {
  test.serial(
    `a thread ends by ${how}: the others finish what runs, the process ends with 1`,
    async (t) => {
      const { sidecar, module, where, breakIt } = await withBroken(t, script)
      const released = Promise.withResolvers<void>()
      module.reply = async () => {
        await released.promise
        return answer('200 OK', [], 'at last')
      }
      let sent = 0
      const talks = await everywhere(sidecar, where, 2, async (talk) => {
        talk.send(get('/users/1', T))
        sent++
        await until(() => module.requests.length === sent || talk.ended)
        t.false(talk.ended, talk.received)
      })
      const [living] = (await factsOf(sidecar)).workers
      breakIt()
      const [death] = await sidecar.say(({ msg }) => msg === 'worker died')
      t.like(death, { level: 'fatal', worker: 2 })
      t.regex(JSON.stringify(death), why)
      released.resolve()
      const ends = await Promise.all(talks.map((talk) => talk.end()))
      t.is(await over(sidecar), 1)
      t.is(ends.filter((text) => text.includes('at last')).length, living!.connections)
      t.true(living!.connections >= 2 && living!.connections < talks.length)
      t.is(sidecar.lines.at(-1)?.msg, 'stopped')
    },
  )
}

test.serial(
  'a thread that dies before it serves: nothing serves, the process ends with 1',
  async (t) => {
    const place = await Place.make()
    t.teardown(() => place.close())
    const { env, file } = broken('worker 2', `throw new Error('a broken dependency')`)
    writeFileSync(file, 'now')
    const ingress = { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:1' }
    const egress = { modules: { listen: '127.0.0.1:0' } }
    const configuration = await place.configuration(ID.okapi, { ingress, egress, workers })
    const early = new Process(['run', '-c', await place.file('early.json', configuration)], env)
    t.is(await over(early), 1)
    t.true(early.lines.some(({ msg, level }) => msg === 'worker died' && level === 'fatal'))
  },
)

test.serial('one thread that hangs makes the process not alive', async (t) => {
  const { sidecar, where, breakIt } = await withBroken(
    t,
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)',
  )
  const live = `http://127.0.0.1:${sidecar.port('admin')}/live`
  t.is((await fetch(live)).status, 200)
  t.is(verdictOf(await new Talk(where).send(get('/users/1', T)).next()), '200')
  breakIt()
  await until(async () => {
    const asked = await fetch(live, { signal: AbortSignal.timeout(2000) }).catch(() => null)
    return asked === null
  })
  const ready = fetch(live.replace('/live', '/ready'))
  t.is((await patiently(ready, () => 'no answer of /ready')).status, 200)
  // Told to stop twice it does, at once.
  sidecar.signal('SIGTERM')
  await sidecar.say(({ msg }) => msg === 'draining')
  sidecar.signal('SIGTERM')
  t.is(await over(sidecar), 1)
})
