import { connect, type Socket } from 'node:net'
import { type OpenLoop, type OpenLoopResult, summaryOf } from './open-loop.ts'

/** One connection of the client: at most one request at a time. */
interface Line {
  readonly socket: Socket
  askedAt: number
  status: number
  /** Bytes of the answer that are still to come; -1: its head is not whole. */
  missing: number
  held: string
}

const READ_BYTES = 65_536
/** So many connections are made at a time. */
const AT_ONCE = 50

const load: OpenLoop = JSON.parse(process.argv[2] ?? '{}')
const request = Buffer.from(load.head, 'latin1')
const free: Line[] = []
let answered: number[] = []
let refused: number[] = []
let [asked, notSent, broken, measuring] = [0, 0, 0, false]

for (let i = 0; i < load.connections; i += AT_ONCE) {
  await Promise.all(Array.from({ length: AT_ONCE }, open))
}
const began = performance.now()
const timer = setInterval(tick, 1)

/** What has come due since the last time goes out, whatever the answers are. */
function tick(): void {
  const seconds = (performance.now() - began) / 1000
  for (const due = Math.floor(seconds * load.perSecond); asked < due; asked++) ask()
  if (!measuring && seconds >= load.warmUpSeconds) {
    measuring = true
    answered = []
    refused = []
    notSent = broken = 0
  }
  if (seconds >= load.warmUpSeconds + load.seconds) finish()
}

function ask(): void {
  const line = free.pop()
  if (line === undefined) {
    notSent++
    return
  }
  line.askedAt = performance.now()
  line.missing = -1
  line.socket.write(request)
}

function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    const callback = (length: number, bytes: Uint8Array) => {
      read(line, bytes as Buffer, length)
      return true
    }
    const onread = { buffer: Buffer.allocUnsafe(READ_BYTES), callback }
    const where = { port: load.port, host: '127.0.0.1', noDelay: true }
    const socket = connect({ ...where, onread })
    const line: Line = { socket, askedAt: 0, status: 0, missing: 0, held: '' }
    socket.on('connect', () => {
      free.push(line)
      resolve()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      broken++
      const at = free.indexOf(line)
      if (at !== -1) free.splice(at, 1)
    })
  })
}

/** An answer is whole when its Content-Length is there. */
function read(line: Line, bytes: Buffer, length: number): void {
  let from = 0
  if (line.missing === -1) {
    const text = line.held + bytes.toString('latin1', 0, length)
    const end = text.indexOf('\r\n\r\n')
    line.held = end === -1 ? text : ''
    if (end === -1) return
    from = end + 4 - (text.length - length)
    line.status = Number(text.slice(9, 12))
    line.missing = Number(/^content-length: (\d+)$/im.exec(text.slice(0, end))?.[1] ?? 0)
  }
  line.missing -= length - from
  if (line.missing > 0) return
  const took = performance.now() - line.askedAt
  if (line.status === 200) answered.push(took)
  else refused.push(took)
  free.push(line)
}

function finish(): void {
  clearInterval(timer)
  const result: OpenLoopResult = {
    answered: summaryOf(answered, load.seconds),
    refused: summaryOf(refused, load.seconds),
    notSentPerSecond: notSent / load.seconds,
    broken,
  }
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}
