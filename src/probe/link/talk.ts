import tls from 'node:tls'
import { errorCode } from '../../fault.ts'
import type { Context } from '../context.ts'
import {
  type ConversationEnd,
  conversationEnd,
  handshakeWith,
  type Transcript,
} from '../conversation.ts'
import { openSocket, type PemPair, readyEvent } from '../dial.ts'
import { answers, type HttpAnswer } from '../http.ts'
import { FRAME_FLAG, type Frame, frames, isOver, PROBE_ALPN, pongs, TYPE } from './frames.ts'

/** What was received on one link. */
export interface HeardLink extends Transcript {
  /** The target agreed to speak the link. */
  readonly agreed: boolean
  readonly frames: readonly Frame[]
}

/** What to send, and what to wait for. */
export interface Talk {
  readonly bytes: Buffer
  readonly pair: PemPair | undefined
  /** Number of PINGs in `bytes`. */
  readonly pings: number
  /** Exchanges whose end is awaited. */
  readonly ids?: readonly number[]
}

const RECEIVED_BYTES_AT_MOST = 1024 * 1024

/** Opens a link, sends all bytes, and listens until everything awaited has come or the link has ended. */
export function talk(context: Context, { bytes, pair, pings, ids = [] }: Talk): Promise<HeardLink> {
  const { target: endpoint, timeoutMs, signal } = context
  const { promise, resolve } = Promise.withResolvers<HeardLink>()
  const socket = openSocket(endpoint, { ...handshakeWith(pair), alpn: [PROBE_ALPN] })
  let received = Buffer.alloc(0)
  let connected = false
  let agreed = false
  let protocol: string | null = null

  function finish(end: ConversationEnd, error: string | null = null) {
    clearTimeout(deadline)
    signal.removeEventListener('abort', abort)
    const sent = connected ? bytes : Buffer.alloc(0)
    const told = { agreed, frames: agreed ? frames(received) : [] }
    const found = answers(received, ['GET'], end !== 'silent')
    const how = { end, error, protocol, resumed: false, alpn: PROBE_ALPN }
    resolve({ endpoint, pair, connected, sent, received, answers: found, ...how, ...told })
    socket.destroy()
  }

  const deadline = setTimeout(() => finish('silent'), timeoutMs)
  const abort = () => finish('aborted')
  signal.addEventListener('abort', abort)
  socket.once(readyEvent(socket), () => {
    connected = true
    if (socket instanceof tls.TLSSocket) {
      agreed = socket.alpnProtocol === PROBE_ALPN
      protocol = socket.getProtocol()
    }
    if (agreed) socket.write(bytes)
    else finish('answered')
  })
  socket.on('data', (part) => {
    received = Buffer.concat([received, part])
    const transcript = frames(received)
    const all = pongs(transcript) >= pings && ids.every((id) => isOver(transcript, id))
    if (all || received.length > RECEIVED_BYTES_AT_MOST) finish('answered')
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

/** The answer to one exchange: its heads and its body, as in HTTP/1.1. */
export function answerTo({ frames: transcript }: HeardLink, id: number): HttpAnswer | undefined {
  const parts = transcript.filter(
    (one) => one.id === id && (one.type === TYPE.head || one.type === TYPE.data),
  )
  return answers(Buffer.concat(parts.map(({ payload }) => payload)), ['GET'], true)[0]
}

/** Did the other side abort this exchange? */
export function wasReset({ frames: transcript }: HeardLink, id: number): boolean {
  return transcript.some((one) => one.id === id && one.type === TYPE.reset)
}

/** Number of answer heads for this exchange, without interim ones. */
export function headsOf({ frames: transcript }: HeardLink, id: number): number {
  return transcript.filter(
    (one) => one.id === id && one.type === TYPE.head && (one.flags & FRAME_FLAG.info) === 0,
  ).length
}
