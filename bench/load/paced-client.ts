import { connect, type Socket } from 'node:net'
import type { Scenario } from '../scenarios.ts'
import type { Pace } from './paced.ts'

/** One connection of the client: at most one request at a time. */
interface Line {
  readonly socket: Socket
  /** When the request came up, 0 when it is free. */
  askedAt: number
  received: Buffer
}

const { scenario, port, seconds, perSecond }: Pace = JSON.parse(process.argv[2] ?? '{}')
const request = requestOf(scenario)
const lines: Line[] = []
const free: Line[] = []
const waiting: number[] = []
const micros: number[] = []

for (let i = 0; i < scenario.connections; i++) lines.push(await open())
free.push(...lines)
const began = performance.now()
let asked = 0
const timer = setInterval(() => {
  const now = performance.now()
  const due = Math.floor(((now - began) / 1000) * perSecond)
  for (; asked < due; asked++) waiting.push(now)
  send()
  if (now - began >= seconds * 1000) finish()
}, 1)

function send(): void {
  while (waiting.length > 0 && free.length > 0) {
    const line = free.pop()!
    line.askedAt = waiting.shift()!
    line.socket.write(request)
  }
}

function finish(): void {
  clearInterval(timer)
  for (const { socket } of lines) socket.destroy()
  const sorted = micros.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0
  const result = {
    requests: sorted.length,
    perSecond: sorted.length / seconds,
    p50Micros: at(0.5),
    p99Micros: at(0.99),
  }
  process.stdout.write(JSON.stringify(result))
}

function open(): Promise<Line> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const line: Line = { socket, askedAt: 0, received: Buffer.alloc(0) }
    socket.on('error', reject)
    socket.on('data', (bytes: Buffer) => read(line, bytes))
    socket.on('connect', () => resolve(line))
  })
}

/** An answer is whole when its Content-Length is there. */
function read(line: Line, bytes: Buffer): void {
  line.received = line.received.length === 0 ? bytes : Buffer.concat([line.received, bytes])
  const headEnd = line.received.indexOf('\r\n\r\n')
  if (headEnd === -1) return
  const head = line.received.toString('latin1', 0, headEnd)
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(`not a success: ${head}`)
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1])
  if (line.received.length < headEnd + 4 + length) return
  micros.push((performance.now() - line.askedAt) * 1000)
  line.received = Buffer.alloc(0)
  free.push(line)
  send()
}

function requestOf({ method, path, headers, body }: Scenario): string {
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`]
  const fields = [
    `Host: 127.0.0.1:${port}`,
    ...Object.entries(headers).map((pair) => pair.join(': ')),
  ]
  return [`${method} ${path} HTTP/1.1`, ...fields, ...length, '', body ?? ''].join('\r\n')
}
