import type net from 'node:net'
import tls from 'node:tls'
import { errorCode } from '../fault.ts'
import type { Context } from './context.ts'
import {
  type ClientHandshake,
  type DialTarget,
  openSocket,
  type PemPair,
  readyEvent,
} from './dial.ts'
import { answers, type HttpAnswer } from './http.ts'

/** How the conversation ended. */
export type ConversationEnd =
  | 'answered'
  | 'closed'
  | 'reset'
  | 'alert'
  | 'refused'
  | 'silent'
  | 'aborted'

/** What was sent and received on one connection. */
export interface Transcript {
  readonly endpoint: DialTarget
  readonly pair: PemPair | undefined
  /** TLS (or TCP, if there is no TLS) was established. */
  readonly connected: boolean
  readonly sent: Buffer
  readonly received: Buffer
  readonly answers: readonly HttpAnswer[]
  readonly end: ConversationEnd
  /** The code of the error that ended it (`ECONNRESET`, `ERR_SSL_TLSV13_ALERT_…`), or null. */
  readonly error: string | null
  /** `TLSv1.3`, or null without TLS. */
  readonly protocol: string | null
  readonly resumed: boolean
  /** The ALPN names offered instead of `http/1.1`. */
  readonly alpn?: string
}

/** What to send, and how long to listen. */
export interface Script {
  readonly bytes: Buffer
  /** More bytes, sent when something has happened. */
  readonly later?: { readonly bytes: Buffer; readonly after: Promise<unknown> }
  /** Methods of the requests in `bytes`; that many answers end the conversation. */
  readonly methods?: readonly string[]
  /** How long to listen after the last expected answer for an unexpected one. */
  readonly lingerMs?: number
  /** Have the awaited bytes come? Then the conversation ends at once. */
  readonly enough?: (received: Buffer) => boolean
  /** Time limit of the whole conversation. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly handshake?: ClientHandshake
}

const RECEIVED_BYTES_AT_MOST = 256 * 1024

/** Opens a connection, sends all bytes, and listens until nothing more is expected. */
function converse(endpoint: DialTarget, script: Script): Promise<Transcript> {
  const { bytes, later, methods = ['GET'], lingerMs = 0, enough, timeoutMs, signal } = script
  const { handshake } = script
  const { promise, resolve } = Promise.withResolvers<Transcript>()
  const socket = openSocket(endpoint, handshake)
  const parts: Buffer[] = []
  const written: Buffer[] = []
  let size = 0
  let connected = false
  let session: Session = { protocol: null, resumed: false }
  let linger: NodeJS.Timeout | undefined
  const deadline = setTimeout(() => finish('silent'), timeoutMs)
  const abort = () => finish('aborted')
  signal.addEventListener('abort', abort)
  let found: HttpAnswer[] = []

  function finish(ending: ConversationEnd, error: string | null = null) {
    clearTimeout(deadline)
    clearTimeout(linger)
    signal.removeEventListener('abort', abort)
    const received = Buffer.concat(parts)
    const ended = ending === 'closed' || ending === 'reset'
    const sent = Buffer.concat(written)
    found = answers(received, methods, ended)
    resolve({
      endpoint,
      pair: handshake?.pair,
      connected,
      sent,
      received,
      answers: found,
      end: ending,
      error,
      ...session,
      ...(handshake?.alpn === undefined ? {} : { alpn: handshake.alpn.join() }),
    })
    socket.destroy()
  }

  function write(more: Buffer) {
    if (socket.destroyed) return
    written.push(more)
    socket.write(more)
  }

  socket.once(readyEvent(socket), () => {
    connected = true
    session = sessionOf(socket)
    write(bytes)
    void later?.after.then(() => write(later.bytes))
  })
  socket.on('data', (part) => {
    parts.push(part)
    size += part.length
    if (size > RECEIVED_BYTES_AT_MOST) return finish('answered')
    const received = Buffer.concat(parts)
    if (enough?.(received) === true) return finish('answered')
    found = answers(received, methods, false)
    if (found.filter(({ whole }) => whole).length < methods.length) return
    if (lingerMs === 0) return finish('answered')
    linger ??= setTimeout(() => finish('answered'), lingerMs)
  })
  socket.on('end', () => finish('closed'))
  socket.on('close', () => finish('closed'))
  socket.on('error', (error) => {
    const code = errorCode(error) ?? null
    finish(conversationEnd(code, connected), code)
  })
  if (signal.aborted) abort()
  return promise
}

/** How a conversation ended, by its error. */
export function conversationEnd(code: string | null, connected: boolean): ConversationEnd {
  if (code?.includes('ALERT') === true || code?.startsWith('ERR_SSL') === true) return 'alert'
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH') return 'refused'
  return connected || code === 'ECONNRESET' || code === 'EPIPE' ? 'reset' : 'refused'
}

interface Session {
  readonly protocol: string | null
  readonly resumed: boolean
}

/** Called only when TLS is up, never after a failure: Node 24 may crash after a failed handshake. */
function sessionOf(socket: net.Socket): Session {
  if (!(socket instanceof tls.TLSSocket)) return { protocol: null, resumed: false }
  return { protocol: socket.getProtocol(), resumed: socket.isSessionReused() }
}

/** One conversation within the limits of the run; with the accepted certificate unless told otherwise. */
export function send(
  context: Context,
  bytes: Buffer,
  more: Partial<Pick<Script, 'later' | 'methods' | 'lingerMs' | 'enough' | 'handshake'>> & {
    endpoint?: DialTarget
  } = {},
): Promise<Transcript> {
  const { timeoutMs, signal } = context
  const { endpoint = context.target, ...rest } = more
  return converse(endpoint, {
    bytes,
    timeoutMs,
    signal,
    handshake: handshakeWith(context.accepted),
    ...rest,
  })
}

/** The handshake of a caller with this certificate; without one, of an outsider. */
export function handshakeWith(pair: PemPair | undefined): ClientHandshake {
  return pair === undefined ? {} : { pair }
}
