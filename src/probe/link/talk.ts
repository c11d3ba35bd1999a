import tls from 'node:tls'
import { errorCode } from '../../fault.ts'
import { type Answer, answers } from '../answer.ts'
import type { Context } from '../context.ts'
import { type Ending, endingOf, type Heard } from '../conversation.ts'
import { type KeyPair, knock, readyEvent } from '../dial.ts'
import { guiseOf } from '../say.ts'
import { ALPN_LINK, FLAG, type Frame, frames, isOver, pongs, TYPE } from './frames.ts'

/** What was heard on one link. */
export interface HeardLink extends Heard {
  /** The target agreed to speak the link. */
  readonly agreed: boolean
  readonly frames: readonly Frame[]
}

/** What to say, and what there is to wait for. */
export interface Talk {
  readonly bytes: Buffer
  readonly pair: KeyPair | undefined
  /** Signs of life that are asked for in `bytes`. */
  readonly pings: number
  /** Exchanges whose end is awaited. */
  readonly ids?: readonly number[]
}

const RECEIVED_BYTES_AT_MOST = 1024 * 1024

/** Opens a link, says all of it, and listens until all that was awaited has come, or the end. */
export function talk(context: Context, { bytes, pair, pings, ids = [] }: Talk): Promise<HeardLink> {
  const { target: door, timeoutMs, signal } = context
  const { promise, resolve } = Promise.withResolvers<HeardLink>()
  const socket = knock(door, { ...guiseOf(pair), alpn: [ALPN_LINK] })
  let received = Buffer.alloc(0)
  let connected = false
  let agreed = false
  let protocol: string | null = null

  function finish(ending: Ending, error: string | null = null) {
    clearTimeout(deadline)
    signal.removeEventListener('abort', abort)
    const sent = connected ? bytes : Buffer.alloc(0)
    const told = { agreed, frames: agreed ? frames(received) : [] }
    const found = answers(received, ['GET'], ending !== 'silent')
    const how = { ending, error, protocol, resumed: false, alpn: ALPN_LINK }
    resolve({ door, pair, connected, sent, received, answers: found, ...how, ...told })
    socket.destroy()
  }

  const deadline = setTimeout(() => finish('silent'), timeoutMs)
  const abort = () => finish('aborted')
  signal.addEventListener('abort', abort)
  socket.once(readyEvent(socket), () => {
    connected = true
    if (socket instanceof tls.TLSSocket) {
      agreed = socket.alpnProtocol === ALPN_LINK
      protocol = socket.getProtocol()
    }
    if (agreed) socket.write(bytes)
    else finish('answered')
  })
  socket.on('data', (part) => {
    received = Buffer.concat([received, part])
    const heard = frames(received)
    const all = pongs(heard) >= pings && ids.every((id) => isOver(heard, id))
    if (all || received.length > RECEIVED_BYTES_AT_MOST) finish('answered')
  })
  socket.on('end', () => finish('closed'))
  socket.on('close', () => finish('closed'))
  socket.on('error', (error) => {
    const code = errorCode(error) ?? null
    finish(endingOf(code, connected), code)
  })
  if (signal.aborted) abort()
  return promise
}

/** The answer to one exchange: its heads and its body, as they would stand on any wire. */
export function answerTo({ frames: heard }: HeardLink, id: number): Answer | undefined {
  const parts = heard.filter(
    (one) => one.id === id && (one.type === TYPE.head || one.type === TYPE.data),
  )
  return answers(Buffer.concat(parts.map(({ payload }) => payload)), ['GET'], true)[0]
}

/** Was this exchange given up by the other side? */
export function wasReset({ frames: heard }: HeardLink, id: number): boolean {
  return heard.some((one) => one.id === id && one.type === TYPE.reset)
}

/** How many heads answer this exchange, interim ones left out. */
export function headsOf({ frames: heard }: HeardLink, id: number): number {
  return heard.filter(
    (one) => one.id === id && one.type === TYPE.head && (one.flags & FLAG.info) === 0,
  ).length
}
