import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import test from 'ava'
import { LIMITS, type Relay, startRelay } from '../../support/relay.ts'

const MIB = 1024 * 1024
const SIZE = 24 * MIB

/** A body that no other place of it looks like. */
function body(): Buffer {
  const bytes = Buffer.allocUnsafe(SIZE)
  for (let i = 0; i < SIZE; i += 4) bytes.writeUInt32BE((i * 2_654_435_761) % 2 ** 32, i)
  return bytes
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function buffered(relay: Relay): number {
  let bytes = relay.pool.bufferedBytes
  for (const connection of relay.connections) bytes += connection.bufferedBytes
  return bytes
}

/** Lets the event loop turn until the relay has taken all that it is going to take. */
async function settled(relay: Relay): Promise<number> {
  let most = 0
  // The buffers of two kernels are filled first, which may take longer than so many turns.
  for (let turn = 0; turn < 400 || most === 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, buffered(relay))
  }
  return most
}

for (const framing of ['Content-Length', 'chunked'] as const) {
  test(`a slow reader holds back no more than the limit: ${framing}`, async (t) => {
    const sent = body()
    const upstream = http.createServer((_request, response) => {
      if (framing === 'Content-Length') response.setHeader('Content-Length', SIZE)
      response.end(sent)
    })
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const relay = await startRelay((upstream.address() as AddressInfo).port)
    const response = await new Promise<IncomingMessage>((resolve) => {
      http.get({ port: relay.port, agent: false }, resolve)
    })
    // Nothing is read: everything between the two kernels stands still within the limit.
    const most = await settled(relay)
    t.true(most > 0)
    t.true(most <= relay.sidecars * LIMITS.bufferedBytesPerExchange, `${most}`)
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    t.is(sha256(Buffer.concat(chunks)), sha256(sent))
    await relay.close()
    upstream.close()
  })

  test(`a slow upstream holds back no more than the limit: ${framing}`, async (t) => {
    const sent = body()
    const upstream = http.createServer()
    const called = once(upstream, 'request') as Promise<[IncomingMessage, ServerResponse]>
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const relay = await startRelay((upstream.address() as AddressInfo).port)
    const headers = framing === 'chunked' ? {} : { 'Content-Length': SIZE }
    const request = http.request({ port: relay.port, method: 'POST', agent: false, headers })
    request.end(sent)
    // Nothing of its body is read until all has settled.
    const [arrived, reply] = await called
    const most = await settled(relay)
    t.true(most > 0)
    t.true(most <= relay.sidecars * LIMITS.bufferedBytesPerExchange, `${most}`)
    const chunks: Buffer[] = []
    for await (const chunk of arrived) chunks.push(chunk)
    reply.end(sha256(Buffer.concat(chunks)))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let answer = ''
    for await (const chunk of response) answer += chunk
    t.is(answer, sha256(sent))
    await relay.close()
    upstream.close()
  })
}

test('a caller that goes away in the middle of a body takes its upstream with it', async (t) => {
  let closed: Promise<unknown> | undefined
  const upstream = net.createServer((socket) => {
    closed = once(socket, 'close')
    socket.on('error', () => {})
    socket.on('data', () => {})
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const relay = await startRelay((upstream.address() as AddressInfo).port)
  const caller = net.connect(relay.port, '127.0.0.1')
  caller.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
  await once(upstream, 'connection')
  caller.destroy()
  await closed
  t.is(relay.ended[0]?.outcome, 'caller-gone')
  t.is(relay.ended.length, 1)
  t.is(relay.pool.exchanges, 0)
  await relay.close()
  upstream.close()
})

test('a module that goes away in the middle of an answer is seen by the caller', async (t) => {
  const upstream = net.createServer((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy())
    })
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const relay = await startRelay((upstream.address() as AddressInfo).port)
  const broken = await new Promise<Error>((resolve) => {
    http.get({ port: relay.port, agent: false }, (response) => {
      response.on('error', resolve).resume()
    })
  })
  t.is((broken as NodeJS.ErrnoException).code, 'ECONNRESET')
  t.is(relay.ended[0]?.outcome, 'upstream-gone')
  await relay.close()
  upstream.close()
})
