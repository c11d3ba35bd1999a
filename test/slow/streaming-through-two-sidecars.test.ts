import { createHash, type Hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import tls, { type TLSSocket } from 'node:tls'
import test from 'ava'
import { metric, until } from '../support/scenario/metrics.ts'
import { answer, ask, get, ID, Installation, Player, Talk, verdictOf } from '../support/scenario.ts'

// Bodies that are larger than everything in between, through the sidecar of a module and the one of
// Okapi: what arrives is what was sent, and neither of them holds more than it may.

const MIB = 1024 * 1024
/**
 * Of one exchange: `bufferedBytesPerExchange` each way; between two sidecars half a window more, where
 * credit had run out within a read; and what frames it.
 */
const HELD_BYTES = 2 * 65_536 + 32_768 + 1024
const SIZE = 32 * MIB
const PIECE = randomBytes(256 * 1024)
const T = 'X-Okapi-Tenant: diku'

let installation: Installation
/** What Okapi's part does with a request in this test. */
let okapi: (request: IncomingMessage, response: http.ServerResponse) => unknown
/** It closes no connection for being idle, which would be just when the next request comes. */
const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) =>
  okapi(request, response),
)

test.before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const forward = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ingress = { listen: '127.0.0.1:0', forward }
  // A caller that has ended its side is waited for 10 s by default: a machine under load takes longer.
  const limits = { halfCloseMs: 3_600_000 }
  installation = await Installation.open({
    processes: true,
    modules: [ID.notes],
    more: { [ID.okapi]: { ingress, limits }, [ID.notes]: { limits } },
  })
  installation.cable.records = false
})
test.after.always(async () => {
  await installation?.close()
  server.closeAllConnections()
  server.close()
})

/**
 * The bytes of a body of `SIZE`, made as they are taken, each body another; the last ones not before
 * `mayEnd`: an answer that is whole ends its request too.
 */
async function pour(
  sink: http.ClientRequest | http.ServerResponse,
  hash: Hash,
  mayEnd?: Promise<unknown>,
): Promise<void> {
  const salt = randomBytes(8)
  for (let sent = 0; sent < SIZE; sent += PIECE.length) {
    if (sink.destroyed) return
    if (sent + PIECE.length === SIZE) await mayEnd
    salt.copy(PIECE, 4)
    PIECE.writeUInt32BE(sent)
    const piece = Buffer.from(PIECE)
    hash.update(piece)
    if (!sink.write(piece)) await once(sink, 'drain')
  }
  sink.end()
}

/** Reads to the end; `slowly`: in bits, with pauses. */
async function digest(body: IncomingMessage, slowly = false): Promise<string> {
  const hash = createHash('sha256')
  let taken = 0
  for await (const bytes of body) {
    hash.update(bytes)
    taken += bytes.length
    if (slowly && taken > MIB) {
      taken = 0
      await pause(5)
    }
  }
  return hash.digest('hex')
}

/** Watches what both sidecars hold until it is stopped; resolves to the most of each. */
function watch() {
  const sidecars = [installation.sidecar(ID.notes), installation.sidecar(ID.okapi)]
  const most = [0, 0]
  let stopped = false
  const run = async () => {
    while (!stopped) {
      for (const [i, sidecar] of sidecars.entries()) {
        most[i] = Math.max(most[i]!, await metric(sidecar, 'sidecar_buffered_bytes'))
      }
      await pause(5)
    }
    return most
  }
  const running = run()
  return {
    stop: () => {
      stopped = true
      return running
    },
  }
}

interface Call {
  readonly sent: http.ClientRequest
  readonly response: Promise<IncomingMessage>
}

function call(framing: string): Call {
  const length = framing === 'length' ? { 'Content-Length': SIZE } : {}
  const headers = { 'X-Okapi-Tenant': 'diku', ...length }
  const port = installation.egress(ID.notes)
  const path = `/users?${framing}`
  const sent = http.request({ host: '127.0.0.1', port, path, method: 'POST', headers })
  const response = once(sent, 'response').then(([message]) => message as IncomingMessage)
  // When the caller goes away, no side waits for it.
  response.catch(() => {})
  return { sent, response }
}

const EXCHANGES = 3

for (const framing of ['length', 'chunks']) {
  for (const [who, slow] of [
    ['no side is slow', ''],
    ['the reader is slow', 'reader'],
    ['the module is slow', 'module'],
  ] as const) {
    test.serial(`${SIZE / MIB} MiB each way at once with ${framing}, ${who}`, async (t) => {
      const served: Promise<{ came: string; sent: string }>[] = []
      const serve = async (request: IncomingMessage, response: http.ServerResponse) => {
        if (framing === 'length') response.setHeader('Content-Length', SIZE)
        const hash = createHash('sha256')
        const reading = digest(request, slow === 'module')
        await pour(response, hash, reading)
        return { came: await reading, sent: hash.digest('hex') }
      }
      okapi = (request, response) => served.push(serve(request, response))
      const watching = watch()
      const calls = Array.from({ length: EXCHANGES }, async () => {
        const hash = createHash('sha256')
        const { sent, response } = call(framing)
        const pouring = pour(sent, hash)
        const came = await digest(await response, slow === 'reader')
        await pouring
        return { sent: hash.digest('hex'), came }
      })
      const results = await Promise.all(calls)
      const most = await watching.stop()
      const there = await Promise.all(served)
      t.deepEqual(
        there.map(({ came }) => came).toSorted(),
        results.map(({ sent }) => sent).toSorted(),
      )
      t.deepEqual(
        results.map(({ came }) => came).toSorted(),
        there.map(({ sent }) => sent).toSorted(),
      )
      t.is(new Set(results.map(({ sent }) => sent)).size, EXCHANGES)
      // Both ways are held at once, by each of the two.
      for (const bytes of most) t.true(bytes <= EXCHANGES * HELD_BYTES, `${bytes}`)
      for (const id of [ID.notes, ID.okapi]) {
        await until(
          async () => (await metric(installation.sidecar(id), 'sidecar_buffered_bytes')) === 0,
        )
      }
    })
  }
}

test.serial(
  'neither side reads: both ways stand still within the limits, then go on',
  async (t) => {
    const go = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<string>()
    const wanted = createHash('sha256')
    okapi = async (request, response) => {
      const reading = go.promise.then(() => digest(request))
      await pour(response, wanted, reading)
      arrived.resolve(await reading)
    }
    const watching = watch()
    const hash = createHash('sha256')
    const { sent, response } = call('chunks')
    const pouring = pour(sent, hash)
    const body = (await response).pause()
    // Both stand still: two looks in turn see the same bytes held.
    for (const id of [ID.notes, ID.okapi]) {
      let before = -1
      await until(async () => {
        const now = await metric(installation.sidecar(id), 'sidecar_buffered_bytes')
        const same = now > 0 && now === before
        before = now
        return same
      })
    }
    go.resolve()
    const came = await digest(body)
    await pouring
    const most = await watching.stop()
    t.is(await arrived.promise, hash.digest('hex'))
    t.is(came, wanted.digest('hex'))
    for (const bytes of most) t.true(bytes > 0 && bytes <= HELD_BYTES, `${bytes}`)
  },
)

test.serial('a caller that goes away in its body takes everything behind it along', async (t) => {
  const gone = Promise.withResolvers<string>()
  okapi = (request) => {
    request.on('error', (error: NodeJS.ErrnoException) => gone.resolve(error.code ?? ''))
    request.on('end', () => gone.resolve('whole'))
    request.resume()
  }
  const { sent } = call('length')
  sent.on('error', () => {})
  sent.setHeader('X-Okapi-Request-Id', 'gone-in-its-body')
  sent.write(PIECE, () => sent.destroy())
  t.is(await gone.promise, 'ECONNRESET')
  for (const id of [ID.notes, ID.okapi]) {
    const line = await installation.sidecar(id).exchange('gone-in-its-body')
    t.is(line.status, 0)
    await until(
      async () => (await metric(installation.sidecar(id), 'sidecar_buffered_bytes')) === 0,
    )
  }
})

test.serial('a caller that goes away in its answer frees the module behind', async (t) => {
  const gone = Promise.withResolvers<void>()
  okapi = (request, response) => {
    request.resume()
    response.on('close', () => gone.resolve())
    void pour(response, createHash('sha256')).catch(() => {})
  }
  const { sent, response } = call('chunks')
  sent.end()
  const body = await response
  await once(body, 'readable')
  body.destroy()
  await gone.promise
  t.pass()
})

test.serial('a module that goes away in its answer is seen to have been cut', async (t) => {
  for (const framing of ['length', 'chunks'] as const) {
    okapi = (request, response) => {
      request.resume()
      if (framing === 'length') response.setHeader('Content-Length', SIZE)
      response.write(PIECE, () => response.destroy())
    }
    const { sent, response } = call('chunks')
    sent.end()
    const error = await digest(await response).catch((broken: NodeJS.ErrnoException) => broken.code)
    t.is(error, 'ECONNRESET', framing)
  }
  okapi = (_request, response) => response.end('ok')
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users', T))), '200')
})

test.serial(
  'a module that goes away before its answer is 502, and the body is let go',
  async (t) => {
    okapi = (request) => request.socket.destroy()
    const { sent, response } = call('length')
    sent.on('error', () => {})
    sent.write(PIECE)
    const told = await response
    t.is(told.statusCode, 502)
    t.is(told.headers['x-sidecar-refused'], 'upstream-unreachable')
    told.resume()
    sent.destroy()
  },
)

test.serial('pipelined requests are answered in their order, the slow ones too', async (t) => {
  okapi = (request, response) => {
    const slow = request.url?.includes('/1') ? 50 : 0
    setTimeout(() => response.end(`answer to ${request.url}`), slow)
  }
  const talk = new Talk(installation.egress(ID.notes))
  const targets = Array.from({ length: 30 }, (_, i) => (i % 7 === 3 ? `/none/${i}` : `/users/${i}`))
  talk.send(targets.map((target) => get(target, T)).join(''))
  for (const target of targets) {
    const told = await talk.next()
    if (target.startsWith('/none')) t.is(verdictOf(told), '404 route-not-declared')
    else t.is(told.body, `answer to ${target}`)
  }
  talk.close()
})

/** Everything that comes back of a connection whose own side is ended at once. */
async function halfClosed(socket: Socket | TLSSocket, text: string): Promise<string> {
  let came = ''
  socket.on('data', (bytes: Buffer) => {
    came += bytes.toString('latin1')
  })
  socket.end(text)
  await once(socket, 'end')
  return came
}

test.serial('a caller that ends its side still gets the whole answer: plain and TLS', async (t) => {
  const release: (() => void)[] = []
  okapi = (request, response) => {
    request.resume().on('end', () => release.push(() => response.end('x'.repeat(MIB))))
  }
  const plain = net.connect({
    port: installation.egress(ID.notes),
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  const overPlain = halfClosed(plain, get('/users', T))
  await until(() => release.length === 1)
  release.pop()?.()
  t.regex(await overPlain, /^HTTP\/1\.1 200 OK\r\n/)
  t.true((await overPlain).length > MIB)
  plain.destroy()

  const { port, certificate } = await installation.ingress(ID.okapi, ID.notes)
  const secure = await secureTo(port, certificate)
  const overTls = halfClosed(secure, get('/users', T))
  await until(() => release.length === 1)
  release.pop()?.()
  t.true((await overTls).length > MIB)
  secure.destroy()
})

test.serial('a caller that ends its side within a body has sent no whole request', async (t) => {
  const ending = Promise.withResolvers<string>()
  const there = Promise.withResolvers<void>()
  okapi = (request) => {
    there.resolve()
    request.on('error', () => ending.resolve('cut'))
    request.on('end', () => ending.resolve('whole'))
    request.resume()
  }
  const half = `POST /users HTTP/1.1\r\nHost: a\r\n${T}\r\nContent-Length: 10\r\n\r\nhalf`
  const { port, certificate } = await installation.ingress(ID.okapi, ID.notes)
  const secure = await secureTo(port, certificate)
  secure.on('error', () => {})
  // Listened for from the beginning: it may come before the upstream has noticed.
  const closed = new Promise((resolve) => secure.once('close', resolve))
  secure.resume().write(half)
  await there.promise
  secure.end()
  t.is(await ending.promise, 'cut')
  await closed
})

async function secureTo(port: number, certificate: string): Promise<TLSSocket> {
  const { readFileSync } = await import('node:fs')
  const file = (name: string) => readFileSync(`${certificate}/${name}`)
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port, allowHalfOpen: true },
    ...{ ca: file('ca.crt'), cert: file('tls.crt'), key: file('tls.key') },
    checkServerIdentity: () => undefined,
  })
  await once(socket, 'secureConnect')
  return socket
}

test.serial('a module that half-closes behind its answer is not waited for', async (t) => {
  const module = await Player.start()
  t.teardown(() => module.close())
  const ingress = { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` }
  const sidecar = await installation.place.process(ID.users, { ingress })
  t.teardown(() => sidecar.stop())
  module.reply = (_asked, socket) => {
    socket.end(answer('200 OK', [], 'last words'))
    return null
  }
  const where = {
    ...(await installation.ingress(ID.okapi, ID.okapi)),
    port: sidecar.port('ingress'),
  }
  const talk = new Talk(where)
  for (let i = 0; i < 5; i++) {
    t.is((await talk.send(get('/users/1', T)).next()).body, 'last words')
  }
  talk.close()
})
