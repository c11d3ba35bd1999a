import { whyNoNetwork } from '../support/faults/network.ts'
import { TwoMachines } from '../support/faults/two-machines.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import { answer, ask, get, OK, Talk, unless, verdictOf } from '../support/scenario.ts'

// Without the link no PING tells that the machine at the other end is dead: there only the kernel can. While
// an answer is waited for it asks after a minute, and gives up ten seconds later; while what was sent is not
// acknowledged it sends it again, `net.ipv4.tcp_retries2` times (15: a quarter of an hour).

const T = 'X-Okapi-Tenant: diku'
const UNREACHABLE = '502 upstream-unreachable'
/** The kernel alone takes 70 s; a busy machine takes as much again to start what is needed. */
const LONG_MS = 280_000

const scenario = unless(whyNoNetwork())

scenario('both end as the kernel finds it out, and neither is sent again', async (t) => {
  t.timeout(LONG_MS)
  const machines = await TwoMachines.open({ link: false, limits: { connectWaitMs: 10_000 } })
  t.teardown(() => machines.close())
  const { network, near, far, okapi, notes, gateway, egress } = machines
  await network.sysctl(near, 'net.ipv4.tcp_retries2', 4)
  // Two connections: on one an answer is waited for, the other one is free.
  const held = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  okapi.reply = async ({ first }, socket) => {
    if (first.includes('/users/1')) await held.promise
    if (!first.includes('/users/slow')) return answer('200 OK')
    socket.on('close', gone.resolve)
    return null
  }
  const first = ask(egress, get('/users/1', T))
  await until(() => okapi.requests.length === 1)
  const slow = new Talk(egress).send(get('/users/slow', T))
  await until(() => okapi.requests.length === 2)
  held.resolve()
  t.is(verdictOf(await first), '200')
  // It may end sooner: when not even the acknowledgement of its request had come.
  const told = new Promise((resolve) => slow.socket.once('data', resolve))

  await network.lost(far)
  t.is(verdictOf(await ask(egress, get('/users/2', T))), UNREACHABLE)
  // Longer than any other wait: its own end is waited for, whatever it is. ava is told that this goes on.
  console.log('70 s without a word: the kernel asks after a minute')
  await told
  t.is(verdictOf(await slow.next()), UNREACHABLE)
  slow.close()
  await until(async () => (await metric(notes, 'sidecar_exchanges_open')) === 0)
  // For the other end it is its caller that is dead: Okapi learns that no one waits.
  await gone.promise
  await until(async () => (await metric(gateway, 'sidecar_exchanges_open')) === 0)

  gateway.signal('SIGKILL')
  await gateway.ended
  okapi.reply = OK
  await machines.startGateway()
  await network.heal()
  t.is(verdictOf(await ask(egress, get('/users/3', T))), '200')
  const targets = okapi.requests.map(({ first: line }) => line.split(' ')[1])
  t.deepEqual(targets, ['/users/1', '/users/slow', '/users/3'])
})
