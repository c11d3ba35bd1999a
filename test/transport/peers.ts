import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { type Refusal, refuse } from '../../src/refusal/refusal.ts'
import type { Authenticator, PeerCertificates } from '../../src/transport/authenticate.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import type { Dialer } from '../../src/transport/dial.ts'
import type { DialerOptions, DialOptions } from '../../src/transport/dial-options.ts'
import {
  type ListenTlsOptions,
  listenTls,
  type TlsListener,
} from '../../src/transport/listen-secure.ts'
import { type LivePeer, LiveSet } from '../../src/transport/live-set.ts'
import { NameResolver } from '../../src/transport/name-resolver.ts'

export const LIMITS = {
  connections: 64,
  pendingConnections: 64,
  connectionsPerPeer: 32,
  handshakeMs: 5000,
  handshakesPerSecond: 0,
}

const URI = /URI:spiffe:\/\/folio\.test\/module\/([a-z0-9.-]+)(?:,|$)/

/** A judge for tests: the id in the URI SAN of whatever OpenSSL verified. */
export const judgeById: Authenticator<string> = ({
  authorized,
  error,
  chain,
}: PeerCertificates) => {
  const [leaf] = chain
  if (leaf === undefined) return refuse('no-certificate', 'none')
  if (!authorized) return refuse('untrusted-certificate', error ?? 'unknown')
  const san = new X509Certificate(leaf).subjectAltName ?? ''
  return URI.exec(san)?.[1] ?? refuse('bad-identity', san)
}

/** A set that counts by id and records nothing. */
export function liveById(): LiveSet<string, null> {
  return new LiveSet<string, null>({ peerKey: (id) => id, record: () => null })
}

/** Refuses all but one. */
export function only(id: string): (identity: string) => Refusal | null {
  return (identity) => (identity === id ? null : refuse('wrong-peer', `${identity} is not ${id}`))
}

/** A listener that serves `id`: what it got from its peers, and everything that it told. */
export interface TestListener {
  readonly listener: TlsListener
  readonly clock: CoarseClock
  readonly live: LiveSet<string, null>
  readonly port: number
  readonly peers: LivePeer<string, null>[]
  /** Every byte that peers behind the gate sent. */
  readonly received: Buffer[]
  readonly events: string[]
  close(): Promise<void>
}

/** Greets with `hello ID`, then sends back what comes. */
function greetAndEcho(socket: TLSSocket, identity: string): void {
  socket.on('data', (bytes: Buffer) => {
    socket.write(bytes)
  })
  socket.on('end', () => socket.end())
  socket.write(`hello ${identity}\n`)
}

/** Opens a listener; what peers behind the gate send is noted down, then `serve` answers. */
export async function openTestListener(
  options: Pick<ListenTlsOptions<string, null>, 'material'> &
    Partial<ListenTlsOptions<string, null>>,
  serve: (socket: TLSSocket, identity: string) => void = greetAndEcho,
): Promise<TestListener> {
  const clock = new CoarseClock(10)
  const live = liveById()
  const peers: LivePeer<string, null>[] = []
  const received: Buffer[] = []
  const events: string[] = []
  const listener = await listenTls(
    {
      address: { host: '127.0.0.1', port: 0 },
      limits: LIMITS,
      clock,
      live,
      authenticator: judgeById,
      events: {
        dropped: () => events.push('dropped'),
        paced: () => events.push('paced'),
        acceptFailed: (code) => events.push(`accept ${code}`),
        handshakeFailed: (code) => events.push(`handshake ${code}`),
        turnedAway: ({ refusal }) => events.push(`refused ${refusal.reason}`),
      },
      ...options,
    },
    (peer) => {
      const { socket, identity } = peer
      peers.push(peer)
      socket.on('error', () => {})
      socket.on('data', (bytes: Buffer) => {
        received.push(bytes)
      })
      serve(socket, identity)
    },
  )
  const close = async () => {
    const closed = listener.close()
    live.forEach(({ socket }) => {
      socket.destroy()
    })
    await closed
    clock.stop()
  }
  const port = Number(listener.address.split(':').at(-1))
  return { listener, clock, live, port, peers, received, events, close }
}

/** Everything that comes until the socket closes; an error of the socket is only an end. */
export function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    text += String(bytes)
  })
  // Not `once`: it rejects when an error comes first.
  return new Promise((resolve) => {
    if (socket.closed) resolve(text)
    else socket.on('close', () => resolve(text))
  })
}

/** A TLS server that is none of ours: asks for a certificate, takes any, and notes every byte. */
export interface Recorder {
  readonly port: number
  /** What came inside TLS. */
  readonly received: Buffer[]
  readonly server: Server
  connections: number
  /** Handshakes that came to their end here. */
  handshakes: number
  close(): Promise<void>
}

/** Opens a recorder; `speak` is sent as soon as a handshake is over. */
export async function openRecorder(
  options: TlsOptions,
  speak = '',
  port = 0,
  host = '127.0.0.1',
): Promise<Recorder> {
  const received: Buffer[] = []
  const sockets = new Set<TLSSocket>()
  const server = createServer({ requestCert: true, rejectUnauthorized: false, ...options })
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  const recorder = { port: 0, received, server, connections: 0, handshakes: 0, close }
  server.on('connection', () => {
    recorder.connections++
  })
  server.on('secureConnection', (socket) => {
    recorder.handshakes++
    sockets.add(socket)
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes)
    })
    if (speak !== '') socket.write(speak)
  })
  server.on('tlsClientError', () => {})
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (typeof address === 'object' && address !== null) recorder.port = address.port
  return recorder
}

/** Options of a Dialer to local ports that gives up after one round. */
export function dialerTo(
  ports: readonly number[],
  tls: DialerOptions<string, null>['tls'],
  more: Partial<DialerOptions<string, null>> = {},
): DialerOptions<string, null> & { clock: CoarseClock } {
  const clock = more.clock === undefined ? new CoarseClock(10) : (more.clock as CoarseClock)
  return {
    addresses: ports.map((port) => ({ host: '127.0.0.1', port })),
    names: new NameResolver(() => clock.now),
    tls,
    connectMs: 5000,
    handshakeMs: 5000,
    connectWaitMs: 0,
    clock,
    whenUnreachable: 'upstream-unreachable',
    ...more,
  }
}

/** How a dial ended. */
export interface Outcome {
  readonly refusal: Refusal | null
  readonly socket: Socket | null
  readonly identity: string | null
}

export function dialOnce(
  dialer: Dialer<string, null>,
  options: DialOptions = {},
): Promise<Outcome> {
  // While it pauses only the clock runs, which does not keep a process alive; a listener would.
  const alive = setInterval(() => {}, 1000)
  return new Promise((resolve) => {
    dialer.dial(options, (refusal, socket, identity) => {
      clearInterval(alive)
      resolve({ refusal, socket, identity })
    })
  })
}
