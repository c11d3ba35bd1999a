import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { REQUEST_NAMES, RESPONSE_NAMES } from '../../src/proxy/names.ts'
import { type Refusal, refuse } from '../../src/refusal/refusal.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import type { Exchange, RequestHandler, Upstream } from '../../src/wire/exchange.ts'
import type { Dial, WireLimits, WireSettings } from '../../src/wire/face.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { Pool } from '../../src/wire/h1/pool.ts'
import { SERVED_METHODS } from '../../src/wire/head.ts'

export const LIMITS: WireLimits = {
  requestLineBytes: 16_384,
  headerBytes: 65_536,
  headerCount: 200,
  headMs: 10_000,
  bodyIdleMs: 60_000,
  bodyBytesPerSecond: 100,
  bodyRateWindowMs: 60_000,
  callerReadIdleMs: 300_000,
  calleeReadIdleMs: 300_000,
  recordOverheadBytesPerSecond: 1024,
  idleMs: 75_000,
  halfCloseMs: 10_000,
  responseHeadMs: 0,
  responseIdleMs: 300_000,
  connectWaitMs: 30_000,
  exchanges: 4096,
  exchangesPerCallee: 512,
  bufferedBytesPerExchange: 65_536,
  connectionMaxAgeMs: 3_600_000,
}

const NO_DROPS = new Uint8Array(256)

/** The result of one exchange. */
export interface Ended {
  readonly method: number
  readonly status: number
  readonly refused: Refusal | null
  readonly outcome: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly brokenOff: boolean
}

/** A wire without policy: everything goes to one upstream, unchanged. */
export interface Relay {
  readonly port: number
  readonly ended: Ended[]
  readonly connections: Set<Downstream<null>>
  readonly pool: { readonly exchanges: number; readonly bufferedBytes: number }
  readonly clock: CoarseClock
  /** How many of them stand between caller and upstream. */
  readonly sidecars: number
  close(): Promise<void>
}

export interface RelayOptions {
  readonly limits?: Partial<WireLimits>
  readonly judge?: (target: string) => Refusal | null
}

type StartRelay = (upstreamPort: number, options: RelayOptions) => Promise<Relay>

let start: StartRelay = overHttp1

/** From now on relays are started in this way: a test file for one way can be run over another. */
export function relayBy(way: StartRelay): void {
  start = way
}

/** Starts a relay in this process in front of `upstreamPort`. */
export function startRelay(upstreamPort: number, options: RelayOptions = {}): Promise<Relay> {
  return start(upstreamPort, options)
}

async function overHttp1(upstreamPort: number, options: RelayOptions): Promise<Relay> {
  const clock = new CoarseClock(20)
  const settings: WireSettings = {
    requestNames: REQUEST_NAMES,
    responseNames: RESPONSE_NAMES,
    keepTrailer: (id) => id === 0,
    limits: { ...LIMITS, ...options.limits },
    clock,
  }
  const pool = new Pool<null>('upstream', dialTo(upstreamPort), settings)
  const ended: Ended[] = []
  const handler = relayHandler(pool, ended, options.judge)
  const connections = new Set<Downstream<null>>()
  clock.watch({
    tick(now) {
      for (const connection of connections) connection.tick(now)
      pool.tick(now)
    },
  })
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(
      new Downstream(socket, null, handler, settings, (gone) => connections.delete(gone)),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    ended,
    connections,
    pool,
    clock,
    sidecars: 1,
    async close() {
      for (const connection of [...connections]) connection.destroy()
      pool.destroy()
      clock.stop()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Everything is forwarded unchanged; the results go into `ended`. */
export function relayHandler(
  upstream: Upstream<null>,
  ended: Ended[],
  judge?: (target: string) => Refusal | null,
): RequestHandler<null> {
  return {
    begin(_x, head, out) {
      const target = head.bytes.toString('latin1', head.targetStart, head.targetEnd)
      const refusal = judge?.(target) ?? null
      if (refusal !== null) return refusal
      out.text(`${SERVED_METHODS[head.method]!} ${target} HTTP/1.1\r\nHost: upstream\r\n`)
      const drop = NO_DROPS.slice()
      drop[3] = 1
      drop[7] = 1
      out.lines(head, drop, false)
      return upstream
    },
    answer(x, head, out) {
      out.lines(head, NO_DROPS, x.reframed)
      return null
    },
    refusal(x, { reason, status }, close) {
      const connection = close ? 'Connection: close\r\n' : ''
      const body = x.method === SERVED_METHODS.indexOf('HEAD') ? '' : reason
      return Buffer.from(
        `HTTP/1.1 ${status} No\r\n${connection}Content-Length: ${reason.length}\r\n\r\n${body}`,
      )
    },
    end(x: Exchange<null>) {
      const { method, status, refused, outcome, bytesIn, bytesOut, brokenOff } = x
      ended.push({ method, status, refused, outcome, bytesIn, bytesOut, brokenOff })
    },
  }
}

/** Dials one port on loopback, without waiting for it. */
export function dialTo(port: number): Dial {
  return (onread, done) => {
    const socket = net.connect({
      host: '127.0.0.1',
      port,
      allowHalfOpen: true,
      noDelay: true,
      onread: { buffer: onread.buffer, callback: (n, b) => onread.callback(n, b as Buffer) },
    })
    const failed = (error: Error) => done(refuse('upstream-unreachable', error.message), null, '')
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      done(null, socket, 'upstream')
    })
    return { cancel: () => socket.destroy() }
  }
}

/** A server that answers each connection as `serve` likes and records every byte. */
export interface Recorder {
  readonly port: number
  /** All bytes of each connection, in the order in which they were accepted. */
  readonly received: string[]
  readonly sockets: Socket[]
  close(): Promise<void>
}

/** Starts a byte recorder: Latin-1, so that a character is a byte. */
export async function startRecorder(
  serve: (socket: Socket, text: string, all: string) => void,
): Promise<Recorder> {
  const received: string[] = []
  const sockets: Socket[] = []
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const index = received.push('') - 1
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      received[index] += text
      serve(socket, text, received[index]!)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    received,
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Sends `parts` one after the other in turns of their own; resolves to everything that came back. */
export async function talk(port: number, parts: readonly string[], end = true): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1')
  })
  socket.on('end', () => socket.end())
  for (const part of parts) {
    socket.write(part, 'latin1')
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (end) socket.end()
  await new Promise((resolve) => socket.once('close', resolve))
  return answer
}
