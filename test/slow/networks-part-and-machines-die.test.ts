import { whyNoNetwork } from '../support/faults/network.ts'
import { TwoMachines } from '../support/faults/two-machines.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  get,
  ID,
  type Line,
  OK,
  Talk,
  unless,
  verdictOf,
} from '../support/scenario.ts'

// Packets are lost without a word: the network parts, in both directions or in one, or a machine loses its
// power. What was sent may have been acted on, so it ends with 502 and is not sent again; what comes next is
// told why; nothing is held for good; and when the network is there again the first call is answered.

const T = 'X-Okapi-Tenant: diku'
const scenario = unless(whyNoNetwork())
const UNREACHABLE = '502 upstream-unreachable'

const limits = { connectMs: 2000, connectWaitMs: 3000 }
const ended = ({ msg, ending }: Line) => msg === 'link ended' && ending === 'silent'

async function installation(
  t: { teardown(done: () => unknown): void },
  more: Readonly<Record<string, unknown>> = {},
): Promise<TwoMachines> {
  const machines = await TwoMachines.open({ limits, ...more })
  t.teardown(() => machines.close())
  return machines
}

const call = ({ egress }: TwoMachines, target: string) =>
  ask(egress, get(target, T)).then(verdictOf)

/** A call that has reached Okapi, which takes its time. */
async function callInHand(machines: TwoMachines) {
  const { okapi } = machines
  const gone = Promise.withResolvers<void>()
  const before = okapi.requests.length
  okapi.reply = ({ first }, socket) => {
    if (!first.includes('/users/slow')) return answer('200 OK')
    socket.on('close', gone.resolve)
    return null
  }
  const talk = new Talk(machines.egress).send(get('/users/slow', T))
  await until(() => okapi.requests.length > before)
  return { talk, gone: gone.promise }
}

const targets = (machines: TwoMachines) =>
  machines.okapi.requests.map(({ first }) => first.split(' ')[1])

async function holdsNothing(machines: TwoMachines): Promise<void> {
  for (const sidecar of [machines.notes, machines.gateway]) {
    await until(async () => (await metric(sidecar, 'sidecar_exchanges_open')) === 0)
    await until(async () => (await metric(sidecar, 'sidecar_buffered_bytes')) === 0)
  }
}

scenario('the network parts, and is there again', async (t) => {
  const machines = await installation(t)
  const { network, near, far, notes, gateway } = machines
  t.is(await call(machines, '/users/1'), '200')
  const { talk, gone } = await callInHand(machines)
  await network.part(near, far)
  const [doubted] = await notes.say(({ msg }) => msg === 'link does not answer')
  t.is(doubted?.peer, ID.okapi)
  t.is(await call(machines, '/users/2'), UNREACHABLE)
  t.is(verdictOf(await talk.next()), UNREACHABLE)
  talk.close()
  await notes.say(ended)
  // The other end has nothing to wait for, so it asks later; then Okapi is told that its caller is gone.
  await gone
  await gateway.say(ended)
  await holdsNothing(machines)
  await network.heal()
  t.is(await call(machines, '/users/3'), '200')
  t.deepEqual(targets(machines), ['/users/1', '/users/slow', '/users/3'])
})

scenario('only what comes back is lost', async (t) => {
  const machines = await installation(t)
  const { network, near, far, notes, okapi } = machines
  t.is(await call(machines, '/users/1'), '200')
  await network.lose(far, near)
  // It arrives and is answered; the answer is lost. It is not sent again.
  const one = new Talk(machines.egress).send(get('/users/2', T))
  await until(() => okapi.requests.length === 2)
  t.is(verdictOf(await one.next()), UNREACHABLE)
  one.close()
  await notes.say(ended)
  await holdsNothing(machines)
  await network.heal()
  t.is(await call(machines, '/users/3'), '200')
  t.deepEqual(targets(machines), ['/users/1', '/users/2', '/users/3'])
})

scenario('the machine of the caller dies, and comes back', async (t) => {
  const machines = await installation(t)
  const { network, near, notes, gateway } = machines
  const { gone } = await callInHand(machines)
  await network.lost(near)
  notes.signal('SIGKILL')
  await notes.ended
  await gone
  await gateway.say(ended)
  await until(
    async () => (await metric(gateway, 'sidecar_connections_open{direction="ingress"}')) === 0,
  )
  await until(async () => (await metric(gateway, 'sidecar_exchanges_open')) === 0)
  await network.heal()
  await machines.startNotes()
  t.is(await call(machines, '/users/1'), '200')
})

scenario('the machine of the callee dies, and comes back with another process', async (t) => {
  const machines = await installation(t)
  const { network, far, notes, gateway } = machines
  const { talk } = await callInHand(machines)
  await network.lost(far)
  gateway.signal('SIGKILL')
  await gateway.ended
  t.is(verdictOf(await talk.next()), UNREACHABLE)
  talk.close()
  t.is(await call(machines, '/users/2'), UNREACHABLE)
  await machines.startGateway()
  await network.heal()
  t.is(await call(machines, '/users/3'), '200')
  await until(async () => (await metric(notes, 'sidecar_exchanges_open')) === 0)
  t.deepEqual(targets(machines), ['/users/slow', '/users/3'])
})

scenario('it dies and is back before anything was sent: the first call finds out', async (t) => {
  const machines = await installation(t)
  const { network, far, gateway } = machines
  t.is(await call(machines, '/users/1'), '200')
  await network.lost(far)
  gateway.signal('SIGKILL')
  await gateway.ended
  await machines.startGateway()
  await network.heal()
  // On the link of before it goes to a kernel that knows nothing of it: RST. It cannot be known whether it
  // was acted on, so that call is lost, unless a PING has found that out already; the next one is not.
  const found = await call(machines, '/users/2')
  t.true([UNREACHABLE, '200'].includes(found), found)
  t.is(await call(machines, '/users/3'), '200')
  const second = found === '200' ? ['/users/2'] : []
  t.deepEqual(targets(machines), ['/users/1', ...second, '/users/3'])
})

scenario('a packet filter that says so', async (t) => {
  const machines = await installation(t, { link: false })
  const { network, near, far, okapi } = machines
  okapi.reply = OK
  await network.part(near, far, 'prohibit')
  const refused = await ask(machines.egress, get('/users/1', T))
  t.is(verdictOf(refused), UNREACHABLE)
  t.regex(refused.body, /10\.90\.2\.2:8443: EHOSTUNREACH/)
  await network.heal()
  t.is(await call(machines, '/users/2'), '200')
})
