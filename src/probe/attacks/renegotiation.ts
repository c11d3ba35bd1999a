import { once } from 'node:events'
import tls from 'node:tls'
import { errorCode } from '../../fault.ts'
import type { Attack } from '../attack.ts'
import type { Context } from '../context.ts'
import { knock } from '../door.ts'
import type { Finding } from '../finding.ts'
import { guiseOf } from '../say.ts'
import { blocked, gotThrough } from '../verdict.ts'

export const renegotiation: Attack = {
  id: 'renegotiation',
  group: 'tls',
  title: 'a renegotiated TLS 1.2 handshake',
  meaning: 'The peer that was judged is replaced on a living connection, or the CPU is kept busy.',
  judged: 'A second handshake that comes up on the same connection.',
  remedy: 'Disable renegotiation; TLS 1.3 has none.',
  async run(context) {
    const socket = knock(context.target, {
      ...guiseOf(context.pass),
      maxVersion: 'TLSv1.2',
    })
    try {
      return {
        ...(await judge(context, socket)),
        evidence: { sent: '[a second ClientHello]', received: '[see because]' },
      }
    } finally {
      socket.destroy()
    }
  },
}

async function judge(
  { timeoutMs, signal }: Context,
  socket: ReturnType<typeof knock>,
): Promise<Omit<Finding, 'evidence'>> {
  if (!(socket instanceof tls.TLSSocket)) return gotThrough('there is no TLS at all')
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const { promise, resolve } = Promise.withResolvers<Omit<Finding, 'evidence'>>()
  socket.on('error', (error) => resolve(blocked(null, `refused (${errorCode(error) ?? 'error'})`)))
  socket.on('close', () => resolve(blocked(null, 'the connection was closed')))
  limit.addEventListener('abort', () => resolve(blocked(null, 'it was never answered')))
  socket.resume()
  once(socket, 'secureConnect').then(
    () => {
      socket.renegotiate({ rejectUnauthorized: false }, (error) => {
        if (error === null) resolve(gotThrough('a second handshake came up on the same connection'))
        else resolve(blocked(null, `refused (${errorCode(error) ?? error.message})`))
      })
    },
    () => undefined,
  )
  return promise
}
