import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** What came over one connection to the upstream. */
export interface Witnessed {
  readonly socket: Socket
  /** Latin-1: a character is a byte. */
  bytes: string
  /** Request lines, as Node's own parser found them. */
  readonly requests: string[]
  /** Requests that were read to their end. */
  whole: number
}

/** An upstream that records every byte, reads it with Node's parser, and answers 200 to complete requests. */
export interface Witness {
  readonly port: number
  readonly connections: Witnessed[]
  close(): Promise<void>
}

/** Starts the witness on loopback. */
export async function startWitness(): Promise<Witness> {
  const connections: Witnessed[] = []
  const bySocket = new WeakMap<Socket, Witnessed>()
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 })
  server.on('connection', (socket) => {
    const witnessed: Witnessed = { socket, bytes: '', requests: [], whole: 0 }
    connections.push(witnessed)
    bySocket.set(socket, witnessed)
    socket.on('data', (bytes) => {
      witnessed.bytes += bytes.toString('latin1')
    })
  })
  server.on('request', (request, response) => {
    const witnessed = bySocket.get(request.socket)!
    witnessed.requests.push(`${request.method} ${request.url}`)
    request.on('error', () => {})
    request.resume()
    request.on('end', () => {
      if (!request.complete) return
      witnessed.whole++
      response.end('ok')
    })
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
