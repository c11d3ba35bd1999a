import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { DialTls } from '../../src/transport/dial-options.ts'
import { Authority, materialOf } from './authority.ts'
import { judgeById, liveById, only, openRecorder, type Recorder } from './peers.ts'

/** The root that every peer here trusts. */
export const root = new Authority('root')
export const users = root.issue('mod-users-19.7.0')
export const older = root.issue('mod-users-19.6.0')
/** Of another authority with the same name. */
export const stranger = new Authority('root').issue('mod-users-19.7.0')
/** What we show ourselves. */
export const okapi = materialOf(root.issue('okapi-7.2.0'), [root])

/** Wants mod-users-19.7.0. */
export function wanted(more: Partial<DialTls<string, null>> = {}): DialTls<string, null> {
  const fits = only('mod-users-19.7.0')
  return { material: () => okapi, authenticator: judgeById, fits, live: liveById(), ...more }
}

/** A recorder that shows this certificate. */
export function record({ key, cert }: typeof users, speak = ''): Promise<Recorder> {
  return openRecorder({ key, cert, ca: root.cert }, speak)
}

/** A plain server on a free port. */
export async function openPlain(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Where it listens. */
export function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

/** Nothing listens there, not even a test that runs beside this one and got a port just given up. */
export const NOBODY = 1
