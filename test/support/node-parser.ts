import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { MemorySocket } from './memory-socket.ts'

/** A request as Node's own parser read it. */
export interface NodeMessage {
  readonly method: string
  readonly target: string
  readonly version: number
  readonly lines: readonly (readonly [string, string])[]
  body: string
  whole: boolean
}

/** Everything that Node read from one connection. */
export interface NodeReading {
  readonly messages: NodeMessage[]
  /** Code of the error for which Node refused to read on; null also where bytes are missing. */
  refused: string | null
}

/** The end came within a message: not refused, only not whole. */
const NOT_WHOLE = 'HPE_INVALID_EOF_STATE'
/** Bytes behind a message that was to be the last: we do not read them either. */
const BEHIND_THE_LAST = 'HPE_CLOSED_CONNECTION'

const readings = new WeakMap<Socket, NodeReading>()

const server = createServer({
  insecureHTTPParser: false,
  // Node answers a request without Host by itself and reports nothing, so the oracle checks it.
  requireHostHeader: false,
  maxHeaderSize: 1 << 20,
  keepAlive: true,
  connectionsCheckingInterval: 1 << 30,
})
server.on('request', (request, response) => {
  const message = read(request)
  const reading = readings.get(request.socket)!
  if (message.version === 11 && request.headers.host === undefined) reading.refused ??= 'no Host'
  if (reading.refused === null) reading.messages.push(message)
  request.on('data', (bytes: Buffer) => {
    message.body += bytes.toString('latin1')
  })
  request.on('error', () => {})
  request.on('end', () => {
    message.whole = request.complete
    response.end()
  })
})
server.on('checkExpectation', (request, response) => server.emit('request', request, response))
server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
  const reading = readings.get(socket as Socket)!
  const code = error.code ?? error.message
  if (code !== NOT_WHOLE && code !== BEHIND_THE_LAST) reading.refused ??= code
  // Requests read before are still to be reported.
  setImmediate(() => socket.destroy())
})

/** How Node's own parser, in its strictest setting, reads these bytes and the end behind them. */
export async function nodeReads(text: string): Promise<NodeReading> {
  const socket = new MemorySocket()
  const reading: NodeReading = { messages: [], refused: null }
  readings.set(socket, reading)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  server.emit('connection', socket)
  socket.push(Buffer.from(text, 'latin1'))
  socket.push(null)
  await closed
  return reading
}

function read(request: IncomingMessage): NodeMessage {
  const { rawHeaders } = request
  const lines: [string, string][] = []
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push([rawHeaders[i]!, rawHeaders[i + 1]!])
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersionMajor * 10 + request.httpVersionMinor,
    lines,
    body: '',
    whole: false,
  }
}
