import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { findingOf, notTried } from '../finding.ts'
import { type HttpAnswer, header, honest, requestBytes } from '../http.ts'
/** ProxyService copies every X- header of an answer into the next step; X-Okapi-Stop ends all. */
export const responseOkapiStop: Attack = {
  id: 'response-okapi-stop',
  group: 'headers',
  title: 'an answer that sets X-Okapi-Stop',
  meaning: 'A module ends Okapi’s pipeline, past the filters behind it, or plants a session.',
  judged: 'The header, forged permissions or a session cookie are there in what Okapi answers.',
  remedy: 'Take X-Okapi-* and session cookies off what modules answer, at their own sidecar.',
  needs: ['colluding-module'],
  async run(context) {
    const { colludingModule } = context
    if (colludingModule === undefined) return notTried('no hijacked module answers for us')
    const { endpoint, path } = colludingModule
    const lines = honest({ ...context, target: endpoint })
    const transcript = await send(context, requestBytes({ target: path, lines }), { endpoint })
    const asked = transcript.answers[0]?.status === 200
    const finding = findingOf(transcript, { through: speaksForOkapi, harmless: () => asked })
    const clean = 'the answer arrived without X-Okapi-Stop, permissions and session cookie'
    return finding.outcome === 'blocked' && asked ? { ...finding, because: clean } : finding
  },
}

function speaksForOkapi(answer: HttpAnswer): boolean {
  const cookies = answer.headers.filter(([name]) => name.toLowerCase() === 'set-cookie')
  return (
    header(answer, 'x-okapi-stop') !== undefined ||
    header(answer, 'x-okapi-permissions') !== undefined ||
    cookies.some(([, value]) => /^folio(?:Access|Refresh)Token=/.test(value))
  )
}
