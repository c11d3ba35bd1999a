import tls from 'node:tls'
import { errorCode } from '../../fault.ts'
import type { Attack } from '../attack.ts'
import { ordinaryCall } from '../calls.ts'
import type { Context } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { type ClientHandshake, openSocket } from '../dial.ts'
import { evidence } from '../evidence.ts'
import {
  type AttackFinding,
  blocked,
  findingOf,
  gotThrough,
  inconclusive,
  notTried,
} from '../finding.ts'
import { honest, requestBytes } from '../http.ts'

type Judged = Omit<AttackFinding, 'evidence'>

export const renegotiation: Attack = {
  id: 'renegotiation',
  group: 'tls',
  title: 'a renegotiated TLS 1.2 handshake',
  meaning: 'The authenticated peer is replaced on a living connection, or the CPU is kept busy.',
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

export const resumption: Attack = {
  id: 'resumption',
  group: 'tls',
  title: 'a saved session that is taken up again',
  meaning: 'A connection comes up without a certificate to check: revoked peers stay inside.',
  judged: 'A handshake that the target resumes, in TLS 1.2 and in TLS 1.3.',
  remedy: 'Give out no session tickets and no session ids.',
  async run(context) {
    if (!context.target.tls) return findingOf(await send(context, call(context)))
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const session = await savedSession(context, maxVersion)
      if (session === undefined) continue
      const transcript = await send(context, call(context), {
        handshake: { ...handshakeWith(context.accepted), maxVersion, session },
      })
      if (!transcript.resumed) continue
      return {
        ...gotThrough(`the target resumed a ${maxVersion} session`),
        evidence: evidence(transcript),
      }
    }
    const finding = notTried('neither TLS 1.2 nor TLS 1.3 gave or resumed a session')
    return { ...finding, outcome: 'blocked' }
  },
}

const call = (context: Context) =>
  requestBytes({ target: context.ordinaryPath, lines: honest(context) })

/** The last session of a whole exchange: TLS 1.3 issues tickets after the handshake. */
function savedSession(context: Context, maxVersion: 'TLSv1.2' | 'TLSv1.3') {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>()
  const socket = openSocket(context.target, { ...handshakeWith(context.accepted), maxVersion })
  let session: Buffer | undefined
  socket.on('session', (saved: Buffer) => {
    session = saved
  })
  const limit = setTimeout(() => socket.destroy(), context.timeoutMs)
  const abort = () => socket.destroy()
  context.signal.addEventListener('abort', abort)
  socket.on('secureConnect', () => {
    if (socket instanceof tls.TLSSocket && maxVersion === 'TLSv1.2') session ??= socket.getSession()
    socket.write(call(context))
  })
  socket.on('data', () => setTimeout(() => socket.destroy(), 100))
  socket.on('end', () => socket.destroy())
  socket.on('error', () => undefined)
  socket.on('close', () => {
    clearTimeout(limit)
    context.signal.removeEventListener('abort', abort)
    resolve(session)
  })
  return promise
}
