import tls from 'node:tls'
import type { Attack } from '../attack.ts'
import type { Context } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { openSocket } from '../dial.ts'
import { evidence } from '../evidence.ts'
import { findingOf, gotThrough, notTried } from '../finding.ts'
import { honest, request } from '../http.ts'
export const resumption: Attack = {
  id: 'resumption',
  group: 'tls',
  title: 'a saved session that is taken up again',
  meaning: 'A connection comes up without a certificate to judge: revoked peers stay inside.',
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

const call = (context: Context) => request({ target: context.ordinaryPath, lines: honest(context) })

/** The last session of a whole exchange: TLS 1.3 hands them out after the handshake. */
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
