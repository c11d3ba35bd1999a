import { once } from 'node:events'
import type net from 'node:net'
import tls from 'node:tls'
import type { Context } from './context.ts'

/** How the probe answers in the place of the hijacked module. */
export interface Impersonation<T> {
  readonly alpn: string
  serve(socket: tls.TLSSocket): void
  /** Asks Okapi, while the server listens. */
  ask(): Promise<T>
}

/** The attacks of a run that have listened, or will: they share one address. */
let turn: Promise<unknown> = Promise.resolve()

/** Listens with the stolen key where the module should, one attack after the other. */
export function impersonate<T>(context: Context, how: Impersonation<T>): Promise<T> {
  const mine = turn.then(() => listenAndAsk(context, how))
  turn = mine.catch(() => undefined)
  return mine
}

async function listenAndAsk<T>(
  { credentials, impostor, signal }: Context,
  { alpn, serve, ask }: Impersonation<T>,
): Promise<T> {
  const sockets = new Set<net.Socket>()
  const server = tls.createServer({ ...credentials, ALPNProtocols: [alpn] }, (socket) => {
    socket.on('error', () => undefined)
    serve(socket)
  })
  server.on('tlsClientError', () => undefined)
  server.on('connection', (socket) => sockets.add(socket))
  server.listen({ ...impostor?.listen, signal })
  await once(server, 'listening')
  try {
    return await ask()
  } finally {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
}
