import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { Migration } from '../../src/config/config.ts'
import { parseNetwork } from '../../src/config/networks.ts'
import { createLog } from '../../src/observe/log.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { PlainPeers } from '../../src/sidecar/migration.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { until } from '../support/scenario/metrics.ts'

const UNTIL = Date.parse('2027-01-31T00:00:00Z')

function listed(...texts: readonly string[]) {
  return texts.map((text) => {
    const parsed = parseNetwork(text)
    if ('wrong' in parsed) throw new Error(parsed.wrong)
    return parsed.value
  })
}

/** A listener with a clock of the test's own, and a listener in front of it. */
async function listener(
  t: ExecutionContext,
  more: Partial<Migration> = {},
  connectionsPerPeer = 2,
) {
  const time = { now: UNTIL - 1000 }
  const lines: string[] = []
  const destination = {
    write: (line: string | Uint8Array) => lines.push(String(line)),
    flush: async () => {},
  }
  const { log } = createLog({ level: 'info', destination })
  const clock = new CoarseClock(10)
  const metrics = new Metrics()
  const from = listed('127.0.0.1')
  const listen = { host: '127.0.0.1', port: 0 }
  const migration = { listen, from, until: UNTIL, why: 'moving', ...more }
  const now = () => time.now
  const peers = new PlainPeers({ migration, connectionsPerPeer, clock, metrics, log, now })
  const admitted: Socket[] = []
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    if (peers.admit(socket)) admitted.push(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const callers: Socket[] = []
  t.teardown(() => {
    for (const socket of [...callers, ...admitted]) socket.destroy()
    server.close()
    clock.stop()
  })
  const { port } = server.address() as AddressInfo
  /** What is said to a caller that is turned away; it has asked something. */
  const call = (localAddress = '127.0.0.1') => {
    const socket = net.connect({ host: '127.0.0.1', port, localAddress })
    const caller = { socket, said: '', gone: false }
    callers.push(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      caller.said += bytes
    })
    socket.on('close', () => {
      caller.gone = true
    })
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    return caller
  }
  return { time, lines, metrics, peers, admitted, call }
}

test('a listed peer is served, another one gets the reason and is closed', async (t) => {
  const { admitted, call, lines } = await listener(t)
  call()
  await until(() => admitted.length === 1)
  const other = call('127.0.0.2')
  await until(() => other.gone)
  t.regex(other.said, /^HTTP\/1\.1 403 Forbidden\r\nX-Sidecar-Refused: caller-not-allowed\r\n/)
  t.is(admitted.length, 1)
  t.regex(lines.join(''), /127\.0\.0\.2 is not in migration\.from/)
})

test('pods that share a /64 have each as many connections as one peer may have', async (t) => {
  const { peers } = await listener(t, { from: listed('fd00:10:244::/64') })
  const come = (remoteAddress: string) => {
    const socket = new net.Socket()
    Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress })
    return peers.admit(socket)
  }
  for (const pod of ['fd00:10:244::10', 'fd00:10:244::11']) {
    t.deepEqual([come(pod), come(pod), come(pod)], [true, true, false], pod)
  }
})

test('at the moment of `until` it is shut, for all', async (t) => {
  const { time, peers, call, admitted } = await listener(t)
  time.now = UNTIL - 1
  t.is(peers.shut(), null)
  time.now = UNTIL
  t.is(peers.shut()?.reason, 'caller-not-allowed')
  const late = call()
  await until(() => late.gone)
  t.regex(late.said, /caller-not-allowed/)
  t.is(admitted.length, 0)
  // A clock that was set back opens it again: it is the day that counts.
  time.now = UNTIL - 1
  t.is(peers.shut(), null)
})

test('the closing is logged once', async (t) => {
  const { time, peers, lines } = await listener(t)
  peers.tick()
  t.deepEqual(lines, [])
  time.now = UNTIL
  peers.tick()
  peers.tick()
  await until(() => lines.length > 0)
  t.is(lines.filter((line) => line.includes('the migration listener is closed since')).length, 1)
})

test('places of an address are given back, and nothing is kept of it', async (t) => {
  const { admitted, call } = await listener(t, {}, 2)
  for (let round = 0; round < 5; round++) {
    const callers = [call(), call()]
    await until(() => admitted.length === 2)
    const third = call()
    await until(() => third.gone)
    t.regex(third.said, /^HTTP\/1\.1 429 .*X-Sidecar-Refused: too-many/s)
    for (const { socket } of callers) socket.destroy()
    const ended = admitted.splice(0).map((socket) => once(socket.destroy(), 'close'))
    await Promise.all(ended)
  }
})

test('one address does not take the places of another', async (t) => {
  const { admitted, call } = await listener(t, { from: listed('127.0.0.0/24') }, 1)
  call('127.0.0.1')
  await until(() => admitted.length === 1)
  call('127.0.0.2')
  await until(() => admitted.length === 2)
  const again = call('127.0.0.2')
  await until(() => again.gone)
  t.regex(again.said, /429/)
})

test('of a flood of strangers few are told why, all are let go and counted', async (t) => {
  const { metrics, call, lines, admitted } = await listener(t)
  const strangers = Array.from({ length: 300 }, () => call('127.0.0.2'))
  await until(() => strangers.every(({ gone }) => gone))
  const told = strangers.filter(({ said }) => said.includes('caller-not-allowed')).length
  t.true(told > 0 && told <= 300)
  const counted = /sidecar_refusals_total\{direction="plain",reason="caller-not-allowed"\} (\d+)/
  t.is(counted.exec(await metrics.text())?.[1], '300')
  t.true(lines.length >= told)
  call()
  await until(() => admitted.length === 1)
  t.is(admitted.length, 1)
})
