import { once } from 'node:events'
import tls from 'node:tls'
import type { Attack } from '../attack.ts'
import type { Context } from '../context.ts'
import { handshakeWith } from '../conversation.ts'
import { type AttackFinding, blocked, gotThrough, inconclusive } from '../finding.ts'

export const targetIdentity: Attack = {
  id: 'target-identity',
  group: 'tls',
  title: 'the target’s own certificate',
  meaning: 'Callers cannot tell the target from an impostor.',
  judged: 'Its chain against --trust, and the id in its one URI SAN against --expect.',
  remedy: 'Issue the target a certificate for its own module id, from the CA that callers trust.',
  needs: ['identity'],
  async run(context) {
    if (!context.target.tls) return shown(gotThrough('it has no certificate at all'), '[plain]')
    const { host, port } = context.target
    const { trust, timeoutMs, signal } = context
    const socket = tls.connect({
      host,
      port,
      rejectUnauthorized: false,
      // No name is sent and none is compared: names find peers, they do not identify them.
      checkServerIdentity: () => undefined,
      ...(trust === undefined ? {} : { ca: trust }),
      ...handshakeWith(context.accepted).pair,
    })
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      await once(socket, 'secureConnect', { signal: limit })
      const { subjectaltname = '' } = socket.getPeerCertificate()
      return shown(judge(context, subjectaltname, socket.authorizationError), subjectaltname)
    } catch (error) {
      return shown(inconclusive(`no handshake came up (${String(error)})`), '[nothing]')
    } finally {
      socket.destroy()
    }
  },
}

function judge({ trust, expect }: Context, names: string, wrong: Error | string | null) {
  if (trust !== undefined && wrong != null)
    return gotThrough(`its chain does not verify (${String(wrong)})`)
  const uris = [...names.matchAll(/URI:("[^"]*"|[^,]*)/g)].map(([, uri]) => uri)
  if (uris.length !== 1) return gotThrough(`it has ${uris.length} URI names in place of one`)
  const id = /^spiffe:\/\/[^/]+\/module\/([^/]+)$/.exec(uris[0] ?? '')?.[1]
  if (expect === undefined) return blocked(null, `it proves ${uris[0]}`)
  const fits = id === expect || id?.replace(/-\d.*$/, '') === expect
  return fits ? blocked(null, `it proves ${id}`) : gotThrough(`it proves ${uris[0]}, not ${expect}`)
}

function shown(judged: Omit<AttackFinding, 'evidence'>, received: string): AttackFinding {
  return { ...judged, evidence: { sent: '[a handshake]', received } }
}
