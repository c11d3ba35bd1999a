import { once } from 'node:events'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import test from 'ava'
import { isFlood } from '../../src/refusal/record-overhead.ts'
import { below, lookBelow } from '../../src/transport/below.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { Dialer } from '../../src/transport/dial.ts'
import { FloodPauses } from '../../src/transport/flood-pauses.ts'
import { OverheadWatch } from '../../src/transport/overhead-watch.ts'
import { type Flooder, floodingServer, KEY_UPDATE_BYTES } from '../support/key-updates.ts'
import { dialerTo, dialOnce } from './peers.ts'
import { users, wanted } from './upstreams.ts'

// What Node does not document, and this product relies on: where the handle for TCP is under a connection that
// `tls.connect` opened, and that it counts. A Node that changes it fails here.

/** A server with the certificate of mod-users, and the first connection to it. */
async function server() {
  const first = Promise.withResolvers<Flooder>()
  const { port, server } = await floodingServer(users, 'http/1.1', (flooder) => {
    flooder.socket.on('data', () => {})
    first.resolve(flooder)
  })
  return { port, server, first: first.promise }
}

test('all that comes on a connection that was dialled is counted, and its data come by onread', async (t) => {
  const { port, server: listening, first } = await server()
  let data = ''
  const callback = (length: number, buffer: Uint8Array) => {
    data += Buffer.from(buffer.subarray(0, length)).toString()
    return true
  }
  const onread = { buffer: Buffer.alloc(65_536), callback }
  const { socket } = await dialOnce(new Dialer(dialerTo([port], wanted())), { onread })
  const carrier = below(socket!)
  const flooder = await first
  flooder.socket.write('hello')
  while (data !== 'hello') await new Promise((resolve) => setImmediate(resolve))
  t.is(carrier?.bytesRead, flooder.raw.bytesWritten)
  flooder.flood(1000)
  while (carrier!.bytesRead < flooder.raw.bytesWritten) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.is(carrier?.bytesRead, flooder.raw.bytesWritten)
  t.is(data, 'hello')
  socket!.destroy()
  await once(socket!, 'close')
  t.is(carrier?.bytesRead, flooder.raw.bytesWritten)
  listening.close()
})

for (const what of ['flood', 'floodTickets'] as const) {
  test(`${what}: a connection that was dialled ends in the midst of it, and so do others to that address`, async (t) => {
    const opened: Flooder[] = []
    const { port, server: listening } = await floodingServer(users, 'http/1.1', (flooder) => {
      opened.push(flooder)
    })
    const floods = new FloodPauses()
    const dialer = new Dialer(dialerTo([port], wanted(), { floods }))
    const sockets = await Promise.all([1, 2].map(async () => (await dialOnce(dialer)).socket!))
    while (opened.length < 2) await new Promise((resolve) => setImmediate(resolve))
    const ended = sockets.map((socket) => new Promise<Error>((end) => socket.once('error', end)))
    for (const socket of sockets) socket.resume()
    const sent = 20_000
    opened[0]![what](sent)
    for (const error of await Promise.all(ended)) t.true(isFlood(error))
    const [first] = sockets.filter((socket) => socket.localPort === opened[0]!.raw.remotePort)
    t.true((below(first ?? sockets[0]!)?.bytesRead ?? 0) < (sent * KEY_UPDATE_BYTES) / 2)
    t.is((await dialOnce(dialer)).refusal?.reason, 'upstream-malformed')
    listening.close()
  })
}

test('a connection that was dialled and brings many records is read in turns, with the others to that address', async (t) => {
  const opened: Flooder[] = []
  const { port, server: listening } = await floodingServer(users, 'http/1.1', (flooder) => {
    flooder.socket.on('data', () => {})
    opened.push(flooder)
  })
  const dialer = new Dialer(dialerTo([port], wanted(), { floods: new FloodPauses() }))
  const [one, two] = await Promise.all([1, 2].map(async () => (await dialOnce(dialer)).socket!))
  while (opened.length < 2) await new Promise((resolve) => setImmediate(resolve))
  const heard: string[] = []
  for (const socket of [one!, two!]) socket.on('data', (bytes: Buffer) => heard.push(`${bytes}`))
  const other = opened.find(({ raw }) => raw.remotePort === two!.localPort)!
  below(one!)?.busy?.()
  other.socket.write('held')
  const held = Number(below(two!)?.bytesRead)
  await new Promise((resolve) => setImmediate(resolve))
  t.is(below(two!)?.bytesRead, held)
  while (!heard.includes('held')) await new Promise((resolve) => setImmediate(resolve))
  for (const socket of [one!, two!]) socket.destroy()
  listening.close()
  t.pass()
})

test('a connection of which Node tells nothing is not opened', (t) => {
  const hidden = { _handle: { _parent: {} } } as unknown as TLSSocket
  t.throws(() => lookBelow(hidden), { message: /does not tell what comes below TLS/ })
  t.throws(() => lookBelow({} as unknown as TLSSocket))
  t.is(below(hidden), null)
})

test('an address that has flooded is not connected to, and a connection that was begun before is not used', async (t) => {
  const { port, server: listening } = await server()
  const floods = new FloodPauses()
  const options = dialerTo([port], wanted(), { floods, connectWaitMs: 3_600_000 })
  // Before the handshake.
  let connections = 0
  listening.on('connection', () => {
    connections++
    floods.flooded(`127.0.0.1:${port}`, options.clock.now)
  })
  const { refusal } = await dialOnce(new Dialer(options))
  t.is(refusal?.reason, 'upstream-malformed')
  const again = await dialOnce(new Dialer(options))
  t.is(again.refusal?.reason, 'upstream-malformed')
  t.is(connections, 1)
  listening.close()
})

test('a server that is no peer is watched too: its connection ends', async (t) => {
  const { port, server: listening, first } = await server()
  const socket = tlsConnect({ port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  await once(socket, 'secureConnect')
  lookBelow(socket)
  const clock = new CoarseClock(10)
  let flooded = 0
  socket.on('data', () => {})
  const broken = once(socket, 'error')
  const carrier = below(socket)!
  new OverheadWatch(socket, carrier, {
    ...{ recordOverheadBytesPerSecond: 1024, clock },
    flooded: () => flooded++,
  })
  ;(await first).flood(Math.ceil(200_000 / KEY_UPDATE_BYTES))
  const alive = setInterval(() => {}, 1000)
  t.regex(String(await broken), /bring no data/)
  t.is(flooded, 1)
  clearInterval(alive)
  clock.stop()
  listening.close()
})
