import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * `node:http`, not imported: for an import Node makes a facade of all exports, and reading one of
 * them (`WebSocket`) loads a second HTTP client, 4 MB of memory in every sidecar.
 */
const http = process.getBuiltinModule('node:http')

export const { request, STATUS_CODES } = http

// Probes and scrapers are few, small and quick; anything else may be an attack.
const HEAD_BYTES = 8 * 1024
const HEAD_MS = 5_000
/** A reader that reads nothing of its answer for this long is cut; longer than any page takes. */
const STILL_MS = 30_000

/** A read with more bytes, or with more ends of heads, is not a probe. */
const READ_BYTES = HEAD_BYTES + 1024
const HEADS_IN_READ = 4
const HEAD_END = '\r\n\r\n'

type Answerer = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void

/**
 * The server of read-only pages for probes, scrapers and people. A connection has one request at a
 * time; one that sends the next before it has its answer is closed, because a single read holds a
 * thousand requests and Node begins all of them at once.
 */
export function viewServer(answer: Answerer, unexpected: Answerer): Server {
  const busy = new WeakSet<Socket>()
  const oneAtATime = (answerer: Answerer) => (asked: IncomingMessage, response: ServerResponse) => {
    const { socket } = asked
    if (busy.has(socket)) socket.destroy()
    // Node still delivers the rest of the current read.
    if (socket.destroyed) return
    busy.add(socket)
    response.once('close', () => busy.delete(socket))
    Promise.resolve(answerer(asked, response)).catch(() => response.destroy())
  }
  const server = http.createServer(
    {
      maxHeaderSize: HEAD_BYTES,
      headersTimeout: HEAD_MS,
      requestTimeout: HEAD_MS,
      keepAliveTimeout: HEAD_MS,
      connectionsCheckingInterval: 1_000,
    },
    oneAtATime(answer),
  )
  server.timeout = STILL_MS
  server.on('connection', (socket) => {
    socket.prependListener('data', refuseMany)
    // Only for a listener that is added in this way Node shows what it reads before it parses it.
    socket.on('data', () => {})
  })
  // Without these Node would answer `100 Continue`, and so invite the body that is never read.
  server.on('checkContinue', oneAtATime(unexpected))
  server.on('checkExpectation', oneAtATime(unexpected))
  return server
}

/**
 * Node parses a read to its end even if the socket has been destroyed, so nothing is left to parse.
 */
function refuseMany(this: Socket, bytes: Buffer): void {
  let heads = 0
  for (let i = bytes.indexOf(HEAD_END); i !== -1 && heads <= HEADS_IN_READ; heads++) {
    i = bytes.indexOf(HEAD_END, i + 1)
  }
  if (bytes.length <= READ_BYTES && heads <= HEADS_IN_READ) return
  bytes.fill(0)
  this.destroy()
}

/** Calls `make` once for all requests of one turn of the event loop, after they have arrived. */
export function onceATurn<T>(make: () => T | Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined
  return () => {
    next ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
      next = undefined
      return make()
    })
    return next
  }
}
