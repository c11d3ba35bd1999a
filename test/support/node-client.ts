import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { MemorySocket, settled } from './memory-socket.ts'

/** An answer as Node's own client parser read it. */
export interface NodeAnswer {
  readonly status: number
  readonly lines: readonly (readonly [string, string])[]
  readonly body: string
  readonly whole: boolean
}

export interface NodeAnswerReading {
  /** The final answer; null without one. */
  readonly answer: NodeAnswer | null
  /** Statuses of the 1xx before it. */
  readonly interim: readonly number[]
  /** Code of the error that came before the answer was whole. */
  readonly refused: string | null
}

/** How Node's own client, in its strictest setting, reads these bytes and the end behind them. */
export async function nodeAnswer(method: string, text: string): Promise<NodeAnswerReading> {
  const socket = new MemorySocket()
  const asked = request({
    method,
    insecureHTTPParser: false,
    maxHeaderSize: 1 << 20,
    createConnection: () => socket,
  })
  const interim: number[] = []
  const kept = keep(asked)
  asked.on('information', ({ statusCode }) => interim.push(statusCode))
  const closed = new Promise((resolve) => asked.once('close', resolve))
  asked.end()
  await settled()
  socket.push(Buffer.from(text, 'latin1'))
  await settled()
  if (!socket.destroyed) socket.push(null)
  await closed
  const { response, body, whole, refused } = kept
  const answer =
    response === null
      ? null
      : { status: response.statusCode ?? 0, lines: pairs(response.rawHeaders), body, whole }
  return { answer, interim, refused }
}

interface Kept {
  response: IncomingMessage | null
  body: string
  whole: boolean
  refused: string | null
}

function keep(asked: ClientRequest): Kept {
  const kept: Kept = { response: null, body: '', whole: false, refused: null }
  const failed = (error: NodeJS.ErrnoException) => {
    if (!kept.whole) kept.refused ??= error.code ?? error.message
  }
  asked.on('error', failed)
  asked.on('upgrade', (_response, socket) => {
    kept.refused = 'upgrade'
    socket.destroy()
  })
  asked.on('response', (response) => {
    kept.response = response
    response.on('error', failed)
    response.on('data', (bytes: Buffer) => {
      kept.body += bytes.toString('latin1')
    })
    response.on('end', () => {
      kept.whole = response.complete
    })
  })
  return kept
}

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = []
  for (let i = 0; i < raw.length; i += 2) lines.push([raw[i]!, raw[i + 1]!])
  return lines
}
