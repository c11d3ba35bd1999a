import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from './context.ts'
import { type ClientHandshake, openSocket, readyEvent } from './dial.ts'
import { type AttackFinding, blocked, gotThrough, inconclusive } from './finding.ts'

/** What is sent first, and what is then sent byte by byte. */
export interface Stall {
  readonly first: Buffer
  /** Sent one byte each second, so that an idle timer alone does not end it. */
  readonly drip?: Buffer
  readonly tls: boolean
  readonly handshake?: ClientHandshake
}

/** Opens a connection, does almost nothing, and measures how long the target tolerates that. */
export async function stall(
  context: Context,
  { first, drip, tls, handshake }: Stall,
): Promise<AttackFinding> {
  const socket = openSocket({ ...context.target, tls: tls && context.target.tls }, handshake)
  const closed = new AbortController()
  let failed = false
  let came = 0
  socket.on('error', (error) => {
    failed ||= !socket.bytesRead && 'syscall' in error && error.syscall === 'connect'
  })
  socket.on('data', (bytes) => {
    came += bytes.length
  })
  socket.on('end', () => closed.abort())
  socket.on('close', () => closed.abort())
  socket.once(readyEvent(socket), () => socket.write(first))
  const rest = drip ?? Buffer.alloc(0)
  const until = performance.now() + context.stallMs
  const wake = AbortSignal.any([closed.signal, context.signal])
  for (let i = 0; performance.now() < until && !wake.aborted; i++) {
    await sleep(Math.min(1000, context.stallMs), undefined, { signal: wake }).catch(() => undefined)
    if (i < rest.length && !wake.aborted) socket.write(rest.subarray(i, i + 1))
  }
  socket.destroy()
  const evidence = {
    sent: `[${first.length} bytes, then nearly nothing]`,
    received: `[${came} bytes]`,
  }
  return { ...judge(context, closed.signal.aborted, failed), evidence }
}

function judge({ stallMs, signal }: Context, closed: boolean, failed: boolean) {
  if (failed) return inconclusive('nothing listens there')
  if (closed) return blocked(null, 'the target closed the connection')
  if (signal.aborted) return inconclusive('the deadline of the run came first')
  return gotThrough(`the connection was still open after ${stallMs} ms`)
}
