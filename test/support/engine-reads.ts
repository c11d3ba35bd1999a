import type { Refusal } from '../../src/refusal/refusal.ts'
import { CapturingUpstream, callerOf, type ReadHead } from './engine.ts'
import { settled } from './memory-socket.ts'

/** A request as the engine read it, and what it forwarded. */
export interface EngineMessage extends ReadHead {
  /** What the upstream got: head and body as they go over the wire. */
  readonly forwarded: string
  readonly body: string
  readonly whole: boolean
}

/** Everything that the engine read from one connection. */
export interface EngineReading {
  readonly messages: readonly EngineMessage[]
  readonly refused: Refusal | null
  /** A message was the last one, as it said itself: what follows belongs to no message. */
  readonly closed: boolean
  /** What the caller was sent. */
  readonly sent: string
}

const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

/** How the engine reads these bytes, cut at `cuts` and followed by the end of the connection. */
export async function engineReads(
  text: string,
  cuts: readonly number[] = [],
): Promise<EngineReading> {
  const { socket, handler, upstream } = callerOf(new CapturingUpstream())
  const places = [0, ...[...cuts].sort((a, b) => a - b), text.length]
  for (let i = 1; i < places.length; i++) {
    const part = text.slice(places[i - 1], places[i])
    if (part === '' || socket.destroyed) continue
    await socket.arrive(part)
    await answerAll(upstream)
  }
  if (!socket.destroyed) await socket.arriveEnd()
  await answerAll(upstream)
  const messages = upstream.exchanges.map(({ text: forwarded, whole }, i) => ({
    ...handler.heads[i]!,
    forwarded,
    body: bodyOf(forwarded),
    whole,
  }))
  const refused = handler.ended.find((ended) => ended.refused !== null)?.refused ?? null
  const last = upstream.last
  const closed = last?.whole === true && !last.x.keepAlive && refused === null
  return { messages, refused, closed, sent: socket.sent }
}

async function answerAll(upstream: CapturingUpstream): Promise<void> {
  for (let last = upstream.last; last?.whole && last.x.open; last = upstream.last) {
    last.x.reply(200, () => OK)
    await settled()
  }
}

/** The data of a forwarded message, as read by a reader that trusts every size. */
function bodyOf(forwarded: string): string {
  const start = forwarded.indexOf('\r\n\r\n') + 4
  const rest = forwarded.slice(start)
  if (!/\r\ntransfer-encoding:/i.test(forwarded.slice(0, start))) return rest
  let data = ''
  for (let i = 0; ; ) {
    const match = /^([0-9a-f]+)\r\n/i.exec(rest.slice(i, i + 20))
    if (match === null) return data
    const size = Number.parseInt(match[1]!, 16)
    if (size === 0) return data
    i += match[0].length
    data += rest.slice(i, i + size)
    i += size + 2
  }
}
