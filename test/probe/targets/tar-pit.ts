import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import type { PemPair } from '../../../src/probe/dial.ts'

/** What a tar pit does to its callers: everything that keeps them waiting. */
export const TAR = {
  /** Takes the connection, and that was all. */
  silence: { tls: false, pour: () => undefined },
  /** A handshake, then nothing. */
  'a handshake and silence': { tls: true, pour: () => undefined },
  /** A head that never ends, a byte at a time: no idle timer ends it. */
  'a head without end': { tls: true, pour: drip('HTTP/1.1 200 OK\r\nX-Tar: ') },
  /** A body that never ends. */
  'a body without end': { tls: true, pour: drip('HTTP/1.1 200 OK\r\n\r\n') },
  /** Interim answers without end: one after the other is whole. */
  'interim answers without end': { tls: true, pour: drip('', 'HTTP/1.1 102 Processing\r\n\r\n') },
} as const

/** A server that keeps a waiting caller for ever. */
export class TarPit {
  readonly #server: net.Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: net.Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.on('tlsClientError', () => undefined)
  }

  static async start(kind: keyof typeof TAR, pair: PemPair): Promise<TarPit> {
    const { tls: secure, pour } = TAR[kind]
    const { cert, key } = pair
    const server = secure
      ? tls.createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, pour)
      : net.createServer(pour)
    const pit = new TarPit(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return pit
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

function drip(first: string, each = 'x'): (socket: Socket) => void {
  return (socket) => {
    socket.on('error', () => undefined)
    socket.resume()
    socket.write(first)
    const timer = setInterval(() => socket.write(each), 20)
    socket.on('close', () => clearInterval(timer))
  }
}
