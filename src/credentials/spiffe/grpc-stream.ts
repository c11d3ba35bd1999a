import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { connect as netConnect } from 'node:net'
import { errorCode } from '../../fault.ts'

/** Callbacks of one call. */
export interface GrpcEvents {
  message(bytes: Buffer): void
  /** The call and its connection have ended; called once, unless we closed it. */
  ended(why: string): void
}

/** A call that can be cancelled. */
export interface GrpcCall {
  close(): void
}

/** The default limit of gRPC implementations. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
const PREFIX_BYTES = 5

const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'no process listens on this socket',
  EACCES: 'permission denied',
}

const STATUS_NAMES: Readonly<Record<string, string>> = {
  '3': 'INVALID_ARGUMENT',
  '5': 'NOT_FOUND',
  '7': 'PERMISSION_DENIED',
  '12': 'UNIMPLEMENTED',
  '13': 'INTERNAL',
  '14': 'UNAVAILABLE',
}

/**
 * Calls a method with an empty request message and a stream of answers, over a new connection to a
 * Unix socket (gRPC over HTTP/2).
 */
export function callGrpc(
  socketPath: string,
  path: string,
  metadata: Readonly<Record<string, string>>,
  events: GrpcEvents,
): GrpcCall {
  let over = false
  // Only the Workload API needs HTTP/2: it is loaded when it is used.
  const { connect } = process.getBuiltinModule('node:http2')
  const session: ClientHttp2Session = connect('http://localhost', {
    createConnection: () => netConnect(socketPath),
  })
  const end = (why: string) => {
    if (over) return
    over = true
    session.destroy()
    events.ended(why)
  }
  const failed = (error: Error) => {
    // If the connection fails, the error of the stream only says that it was cancelled.
    const cause = error.cause instanceof Error ? error.cause : error
    const code = errorCode(cause)
    end(code === undefined ? cause.message : (MEANINGS[code] ?? code))
  }
  session.on('error', failed)
  session.on('goaway', () => end('the agent is going away'))
  session.on('close', () => end('the agent closed the connection'))
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...metadata,
  })
  stream.on('response', (headers) => {
    const why = refusalIn(headers)
    if (why !== undefined) end(why)
  })
  stream.on('trailers', (trailers) => end(statusIn(trailers) ?? 'the agent ended the stream'))
  stream.on('error', failed)
  stream.on('close', () => end('the agent ended the stream'))
  readMessages(stream, (message) => over || events.message(message), end)
  stream.end(Buffer.alloc(PREFIX_BYTES))
  return {
    close() {
      over = true
      session.destroy()
    },
  }
}

/** Splits the stream into messages: a flag, a length of 32 bits, the message. */
function readMessages(
  stream: ClientHttp2Stream,
  message: (bytes: Buffer) => void,
  wrong: (why: string) => void,
): void {
  let held: Buffer = Buffer.alloc(0)
  stream.on('data', (bytes: Buffer) => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
    while (held.length >= PREFIX_BYTES) {
      const length = held.readUInt32BE(1)
      if (held[0] !== 0) return wrong('the agent compresses a message, which was not asked for')
      if (length > MAX_MESSAGE_BYTES) return wrong(`a message of ${length} bytes`)
      if (held.length < PREFIX_BYTES + length) return
      const whole = held.subarray(PREFIX_BYTES, PREFIX_BYTES + length)
      held = held.subarray(PREFIX_BYTES + length)
      message(whole)
    }
  })
}

/** Headers that do not begin a stream of messages: not from a gRPC server, or its refusal. */
function refusalIn(
  headers: IncomingHttpHeaders & { ':status'?: number | undefined },
): string | undefined {
  if (headers[':status'] !== 200) return `the agent answered with status ${headers[':status']}`
  const type = headers['content-type'] ?? ''
  if (!/^application\/grpc(?:$|[+;])/.test(type)) return 'what answers there speaks no gRPC'
  return statusIn(headers)
}

function statusIn(headers: IncomingHttpHeaders): string | undefined {
  const status = headers['grpc-status']
  if (status === undefined) return undefined
  if (status === '0') return 'the agent ended the stream'
  const name = STATUS_NAMES[String(status)] ?? `status ${String(status).slice(0, 10)}`
  const said = decoded(String(headers['grpc-message'] ?? '')).slice(0, 300)
  return said === '' ? name : `${name}: ${JSON.stringify(said)}`
}

/** gRPC escapes its messages as URIs do. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
