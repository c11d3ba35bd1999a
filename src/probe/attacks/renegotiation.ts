import tls from 'node:tls'
import { errorCode } from '../../fault.ts'
import type { Attack } from '../attack.ts'
import { ordinaryCall } from '../certificate-attack.ts'
import type { Context } from '../context.ts'
import { handshakeWith } from '../conversation.ts'
import { type ClientHandshake, openSocket } from '../dial.ts'
import { blocked, type Finding, gotThrough, inconclusive } from '../finding.ts'

type Judged = Omit<Finding, 'evidence'>

export const renegotiation: Attack = {
  id: 'renegotiation',
  group: 'tls',
  title: 'a renegotiated TLS 1.2 handshake',
  meaning: 'The peer that was judged is replaced on a living connection, or the CPU is kept busy.',
  judged: 'A second handshake that comes up on the same connection.',
  remedy: 'Disable renegotiation; TLS 1.3 has none.',
  async run(context) {
    const handshake: ClientHandshake = { ...handshakeWith(context.accepted), maxVersion: 'TLSv1.2' }
    const socket = openSocket(context.target, handshake)
    try {
      if (!(socket instanceof tls.TLSSocket)) return await ordinaryCall(context, handshake)
      const evidence = { sent: '[a second ClientHello]', received: '[no bytes of HTTP]' }
      return { ...(await judge(context, socket)), evidence }
    } finally {
      socket.destroy()
    }
  },
}

function judge({ timeoutMs, signal }: Context, socket: tls.TLSSocket): Promise<Judged> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const { promise, resolve } = Promise.withResolvers<Judged>()
  let up = false
  socket.on('error', (error) => {
    const code = errorCode(error) ?? 'error'
    const reached = up || code.startsWith('ERR_SSL') || code === 'ECONNRESET'
    resolve(reached ? blocked(null, `refused (${code})`) : inconclusive(`no connection (${code})`))
  })
  socket.on('close', () => resolve(blocked(null, 'the connection was closed')))
  limit.addEventListener('abort', () => {
    resolve(up ? blocked(null, 'it was never answered') : inconclusive('no answer came in time'))
  })
  socket.resume()
  socket.once('secureConnect', () => {
    up = true
    socket.renegotiate({ rejectUnauthorized: false }, (error) => {
      if (error === null) resolve(gotThrough('a second handshake came up on the same connection'))
      else resolve(blocked(null, `refused (${errorCode(error) ?? error.message})`))
    })
  })
  return promise
}
