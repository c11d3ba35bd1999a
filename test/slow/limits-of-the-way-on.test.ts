import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { limitHits, metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  get,
  ID,
  Place,
  Player,
  request,
  type Sidecar,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// Upstreams that do not let themselves be connected to, do not shake hands, do not answer, do not
// take what they are sent: each is given up by its own limit, and the limit is counted.

const T = 'X-Okapi-Tenant: diku'
const CONNECT_WAIT_MS = 300
/** Longer than an answer takes that is given at once. */
const ANSWER_MS = 4000

let place: Place
test.before(async () => {
  place = await Place.make()
})
test.after.always(() => place?.close())

/** A sidecar of mod-notes whose gateway is whatever stands at this port. */
async function egressTo(
  t: { teardown(done: () => unknown): void },
  port: number,
  limit: Readonly<Record<string, number>>,
) {
  const egress = { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${port}` }
  const sidecar = await place.process(ID.notes, {
    egress,
    limits: { connectWaitMs: CONNECT_WAIT_MS, ...limit },
  })
  t.teardown(() => sidecar.stop())
  return sidecar
}

/**
 * A port whose kernel takes no connection any more and refuses none: the process that listens there stands
 * still, and its short queue is full.
 */
async function blackHole(t: { teardown(done: () => unknown): void }): Promise<number> {
  const code = `net.createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log(this.address().port)
  })`
  const child: ChildProcess = spawn(process.execPath, ['-e', code])
  t.teardown(() => child.kill('SIGKILL'))
  const [told] = await once(child.stdout!, 'data')
  child.kill('SIGSTOP')
  const port = Number(told)
  const fillers = Array.from({ length: 8 }, () => net.connect(port, '127.0.0.1'))
  for (const filler of fillers) filler.on('error', () => {})
  t.teardown(() => {
    for (const filler of fillers) filler.destroy()
  })
  // Full: of the last ones none gets through.
  await until(() => fillers.some(({ connecting }) => !connecting))
  return port
}

const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip

onLinux('connectMs: an address that swallows connections is given up', async (t) => {
  const sidecar = await egressTo(t, await blackHole(t), { connectMs: 400 })
  t.is(verdictOf(await ask(sidecar.port('egress'), get('/users', T))), '502 upstream-unreachable')
  t.true((await limitHits(sidecar, 'connectMs')) >= 1)
  t.is(await limitHits(sidecar, 'connectWaitMs'), 1)
  t.is(await limitHits(sidecar, 'handshakeMs'), 0)
})

test.serial('handshakeMs: an upstream that does not shake hands is given up', async (t) => {
  const sockets: Socket[] = []
  const mute = net.createServer((socket) => sockets.push(socket.on('error', () => {})))
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
  const sidecar = await egressTo(t, (mute.address() as AddressInfo).port, { handshakeMs: 400 })
  t.is(verdictOf(await ask(sidecar.port('egress'), get('/users', T))), '502 upstream-unreachable')
  t.true((await limitHits(sidecar, 'handshakeMs')) >= 1)
  t.is(await limitHits(sidecar, 'connectMs'), 0)
})

interface Beside {
  readonly sidecar: Sidecar
  readonly module: Player
  readonly where: { port: number; certificate: string }
}

/** The sidecar of mod-users with a module behind it. */
async function beside(
  t: { teardown(done: () => unknown): void },
  limits: Readonly<Record<string, number>>,
): Promise<Beside> {
  const module = await Player.start()
  const ingress = { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` }
  const sidecar = await place.process(ID.users, { ingress, limits })
  t.teardown(async () => {
    await sidecar.stop()
    await module.close()
  })
  const certificate = await place.certificate(ID.okapi)
  return { sidecar, module, where: { port: sidecar.port('ingress'), certificate } }
}

test.serial('connectWaitMs: a module that is not there is 503 when the wait is over', async (t) => {
  const { sidecar, module, where } = await beside(t, { connectWaitMs: CONNECT_WAIT_MS })
  // There was no call yet: a connection that was kept would be tried first, and be a 502.
  await module.close()
  const calls = Array.from({ length: 5 }, () => ask(where, get('/users', T)))
  const verdicts = (await Promise.all(calls)).map(verdictOf)
  t.deepEqual(verdicts, Array(5).fill('503 module-unavailable'))
  t.is(await limitHits(sidecar, 'connectWaitMs'), 5)
})

test.serial('responseHeadMs: 504; a body that comes after it is not cut', async (t) => {
  const { sidecar, module, where } = await beside(t, { responseHeadMs: ANSWER_MS })
  const gone = Promise.withResolvers<void>()
  module.reply = (_asked, socket) => {
    socket.on('close', () => gone.resolve())
    return null
  }
  t.is(verdictOf(await ask(where, get('/users/1', T))), '504 timeout-upstream')
  await gone.promise
  t.is(await limitHits(sidecar, 'responseHeadMs'), 1)

  const slow = Promise.withResolvers<Socket>()
  module.reply = (_asked, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha')
    slow.resolve(socket)
    return null
  }
  const talk = new Talk(where).send(get('/users/2', T))
  const socket = await slow.promise
  await talk.sees('ha')
  // Another call runs out of time meanwhile: the time of the first one would be over too.
  module.reply = () => null
  t.is(verdictOf(await ask(where, get('/users/1', T))), '504 timeout-upstream')
  socket.write('lf')
  t.is((await talk.next()).body, 'half')
  talk.close()
})

test.serial('responseHeadMs begins when the request is whole', async (t) => {
  const { sidecar, module, where } = await beside(t, { responseHeadMs: ANSWER_MS })
  const slow = new Talk(where).send(request('POST /users', [T, 'Content-Length: 4'])).send('ha')
  await until(() => module.bytes.includes('ha'))
  module.reply = ({ first }) => (first.startsWith('POST') ? answer('201 Created') : null)
  t.is(verdictOf(await ask(where, get('/users/1', T))), '504 timeout-upstream')
  t.is(verdictOf(await slow.send('lf').next()), '201')
  t.is(await limitHits(sidecar, 'responseHeadMs'), 1)
  slow.close()
})

for (const limit of ['responseHeadMs', 'calleeReadIdleMs']) {
  test.serial(`${limit}: a module that does not take its request is 504 too`, async (t) => {
    const { sidecar, module, where } = await beside(t, { [limit]: 1500 })
    module.partly = (_text, socket) => socket.pause()
    const talk = new Talk(where)
    talk.send(request('POST /users', [T, 'Content-Length: 100000000']))
    const pouring = pour(talk)
    t.is(verdictOf(await talk.next()), '504 timeout-upstream')
    await pouring
    talk.close()
    t.is(await limitHits(sidecar, limit), 1)
    await until(async () => (await metric(sidecar, 'sidecar_buffered_bytes')) === 0)
  })
}

/** Sends on and on until there is an answer. */
async function pour(talk: Talk): Promise<void> {
  const piece = Buffer.alloc(65_536)
  while (talk.socket.writable && talk.received === '') {
    if (talk.socket.write(piece)) await new Promise(setImmediate)
    else await pause(20)
  }
}

test.serial('calleeReadIdleMs: over a link an upload that is not read is 504 too', async (t) => {
  const okapi = await Player.start()
  okapi.partly = (_text, socket) => socket.pause()
  const ingress = { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${okapi.port}` }
  const modules = { listen: '127.0.0.1:0', address: {} }
  const gateway = await place.process(ID.okapi, { ingress, egress: { modules } })
  const caller = await egressTo(t, gateway.port('ingress'), { calleeReadIdleMs: 1500 })
  t.teardown(async () => {
    await gateway.stop()
    await okapi.close()
  })
  const talk = new Talk(caller.port('egress'))
  talk.send(request('POST /notes', [T, 'Content-Length: 100000000']))
  const pouring = pour(talk)
  t.is(verdictOf(await talk.next()), '504 timeout-upstream')
  await pouring
  talk.close()
  t.is(await limitHits(caller, 'calleeReadIdleMs'), 1)
  await until(async () => (await metric(caller, 'sidecar_buffered_bytes')) === 0)
})
