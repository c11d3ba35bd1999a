import { callerOf, type EndedExchange, MemoryPool, type ReadHead } from './engine.ts'

/** The result of an upstream's bytes. */
export interface EngineAnswerReading {
  /** The heads that were read, the 1xx ones too. */
  readonly heads: readonly ReadHead[]
  /** Everything that the caller was sent. */
  readonly sent: string
  readonly ended: EndedExchange | undefined
  /** Was the upstream's connection kept for a further exchange before it ended? */
  readonly kept: boolean
}

/** Lets an upstream answer one request with these bytes, cut at `cuts`, and then end. */
export async function engineAnswer(
  method: string,
  text: string,
  cuts: readonly number[] = [],
): Promise<EngineAnswerReading> {
  const pool = new MemoryPool()
  const { socket, handler } = callerOf(pool.pool)
  await socket.arrive(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`)
  const upstream = pool.connect()
  const places = [0, ...[...cuts].sort((a, b) => a - b), text.length]
  for (let i = 1; i < places.length; i++) {
    const part = text.slice(places[i - 1], places[i])
    if (part !== '' && !upstream.destroyed) await pool.answer(upstream, part)
  }
  const kept = !upstream.destroyed && handler.ended.length === 1
  if (!upstream.destroyed) await upstream.arriveEnd()
  const { sent } = socket
  socket.destroy()
  return { heads: handler.answers, sent, ended: handler.ended[0], kept }
}
