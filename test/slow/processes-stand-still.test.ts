import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ExecutionContext } from 'ava'
import { standStill } from '../support/faults/standstill.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  get,
  ID,
  Installation,
  type Line,
  Place,
  Talk,
  unless,
  verdictOf,
} from '../support/scenario.ts'

// A process that stands still (SIGSTOP; a machine that swaps, a container without processor time) has a
// kernel that goes on taking connections and bytes for it: nothing is refused, nothing comes back. The peer
// of a sidecar does, a module does, the sidecar itself does; for a while, and for longer than is waited.

const T = 'X-Okapi-Tenant: diku'
const scenario = unless(process.platform === 'linux' ? undefined : 'this test reads /proc')

const doubted = ({ msg }: Line) => msg === 'link does not answer'
const silent = ({ msg, ending }: Line) => msg === 'link ended' && ending === 'silent'

async function installation(t: ExecutionContext, connectWaitMs: number): Promise<Installation> {
  const limits = { connectWaitMs }
  const more = { [ID.notes]: { limits }, [ID.okapi]: { limits } }
  const opened = await Installation.open({ modules: [ID.notes], processes: true, more })
  t.teardown(() => opened.close())
  return opened
}

const call = (from: Installation, target = '/users/1') =>
  ask(from.egress(ID.notes), get(target, T)).then(verdictOf)

/** A call that Okapi has, and answers when it is told to. */
async function callInHand(all: Installation) {
  const { okapi } = all
  const go = Promise.withResolvers<void>()
  const before = okapi.requests.length
  okapi.reply = async ({ first }) => {
    if (first.includes('/users/slow')) await go.promise
    return answer('200 OK')
  }
  const talk = new Talk(all.egress(ID.notes)).send(get('/users/slow', T))
  await until(() => okapi.requests.length > before)
  return { talk, go: () => go.resolve() }
}

const targets = ({ okapi }: Installation) => okapi.requests.map(({ first }) => first.split(' ')[1])

scenario('the peer, for a while: whatever was sent meanwhile is answered', async (t) => {
  const all = await installation(t, 50_000)
  const [notes, okapi] = [all.sidecar(ID.notes), all.sidecar(ID.okapi)]
  const { talk, go } = await callInHand(all)
  const goOn = await standStill(okapi)
  t.teardown(goOn)
  go()
  const sent = call(all, '/users/sent')
  await notes.say(doubted)
  const waits = [1, 2, 3].map((n) => call(all, `/users/waits${n}`))
  await until(async () => (await metric(notes, 'sidecar_exchanges_open')) === 5)
  goOn()
  t.is(verdictOf(await talk.next()), '200')
  talk.close()
  t.deepEqual(await Promise.all([sent, ...waits]), Array(4).fill('200'))
  const arrived = targets(all).sort()
  t.deepEqual(arrived, ['/users/sent', '/users/slow', ...[1, 2, 3].map((n) => `/users/waits${n}`)])
  t.false(notes.lines.some(({ msg }) => msg === 'link ended'))
})

scenario(
  'the peer, for longer than is waited: bounded, told, and over when it goes on',
  async (t) => {
    const all = await installation(t, 2000)
    const [notes, okapi] = [all.sidecar(ID.notes), all.sidecar(ID.okapi)]
    const { talk } = await callInHand(all)
    const goOn = await standStill(okapi)
    t.teardown(goOn)
    await notes.say(doubted)
    t.is(await call(all, '/users/2'), '502 upstream-unreachable')
    t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
    talk.close()
    await notes.say(silent)
    await until(async () => (await metric(notes, 'sidecar_exchanges_open')) === 0)
    goOn()
    // The kernel of the one that stood still may have kept connections that were given up since.
    await until(async () => (await call(all, '/users/3')) === '200')
    await until(async () => (await metric(okapi, 'sidecar_exchanges_open')) === 0)
    t.is(targets(all).filter((target) => target === '/users/slow').length, 1)
    t.is(targets(all).filter((target) => target === '/users/2').length, 0)
  },
)

scenario('the sidecar itself, for a while: what it has in hand is answered', async (t) => {
  const all = await installation(t, 50_000)
  const notes = all.sidecar(ID.notes)
  const { talk, go } = await callInHand(all)
  const goOn = await standStill(notes)
  t.teardown(goOn)
  go()
  // Longer than it waits for a PING before it doubts: by its clock that time has passed at once.
  await until(after(5000))
  const sent = call(all, '/users/sent')
  goOn()
  t.is(verdictOf(await talk.next()), '200')
  talk.close()
  t.is(await sent, '200')
  t.deepEqual(targets(all), ['/users/slow', '/users/sent'])
  t.false(notes.lines.some(({ msg }) => msg === 'link ended'))
})

scenario('the sidecar itself, until its peer has given it up', async (t) => {
  const all = await installation(t, 50_000)
  const [notes, okapi] = [all.sidecar(ID.notes), all.sidecar(ID.okapi)]
  const { talk } = await callInHand(all)
  const goOn = await standStill(notes)
  t.teardown(goOn)
  await okapi.say(silent)
  goOn()
  t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
  talk.close()
  t.is(await call(all, '/users/2'), '200')
  await until(async () => (await metric(notes, 'sidecar_exchanges_open')) === 0)
  t.deepEqual(targets(all), ['/users/slow', '/users/2'])
})

/** Has so much time passed since now? */
function after(ms: number): () => boolean {
  const end = performance.now() + ms
  return () => performance.now() > end
}

/** A module in a process of its own: it answers every request, and closes no connection for being idle. */
async function moduleApart(t: ExecutionContext) {
  const code = `require('node:http')
    .createServer({ keepAliveTimeout: 0 }, (_, response) => response.end('ok'))
    .listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [told] = await once(child.stdout, 'data')
  const signal = (name: NodeJS.Signals) => void child.kill(name)
  return { port: Number(told), life: { pid: child.pid!, over: false, signal } }
}

scenario(
  'a module: calls wait for it, or for `responseHeadMs`; its health is known at once',
  async (t) => {
    const place = await Place.make()
    t.teardown(() => place.close())
    const { port, life } = await moduleApart(t)
    const ingress = { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${port}` }
    const start = async (limits: object) => {
      const sidecar = await place.process(ID.users, { ingress, limits })
      t.teardown(() => sidecar.stop())
      return sidecar
    }
    const patient = await start({})
    const bounded = await start({ responseHeadMs: 4000 })
    const certificate = await place.certificate(ID.okapi)
    const where = (sidecar: typeof patient) => ({ port: sidecar.port('ingress'), certificate })
    for (const each of [patient, bounded]) {
      t.is(verdictOf(await ask(where(each), get('/users/1', T))), '200')
    }
    const goOn = await standStill(life)
    t.teardown(goOn)
    const waiting = [1, 2, 3].map(() => ask(where(patient), get('/users/1', T)).then(verdictOf))
    t.is(verdictOf(await ask(where(bounded), get('/users/1', T))), '504 timeout-upstream')
    const health = await fetch(`http://127.0.0.1:${patient.port('admin')}/app/health`)
    t.is(health.status, 504)
    t.regex(await health.text(), /no answer within 5000 ms/)
    t.is(await metric(patient, 'sidecar_exchanges_open'), 3)
    await until(async () => (await metric(bounded, 'sidecar_exchanges_open')) === 0)
    goOn()
    t.deepEqual(await Promise.all(waiting), ['200', '200', '200'])
    t.is(verdictOf(await ask(where(bounded), get('/users/1', T))), '200')
  },
)
