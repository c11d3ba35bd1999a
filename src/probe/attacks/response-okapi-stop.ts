import { type Answer, header } from '../answer.ts'
import type { Attack } from '../attack.ts'
import { honest, request } from '../request.ts'
import { notTried, say } from '../say.ts'
import { verdict } from '../verdict.ts'

/** ProxyService copies every X- header of an answer into the next step; X-Okapi-Stop ends all. */
export const responseOkapiStop: Attack = {
  id: 'response-okapi-stop',
  group: 'headers',
  title: 'an answer that sets X-Okapi-Stop',
  meaning: 'A module ends Okapi’s pipeline, past the filters behind it, or plants a session.',
  judged: 'The header, forged permissions or a session cookie are there in what Okapi answers.',
  remedy: 'Take X-Okapi-* and session cookies off what modules answer, at their own sidecar.',
  needs: ['accomplice'],
  async run(context) {
    const { accomplice } = context
    if (accomplice === undefined) return notTried('no hijacked module answers for us')
    const { door, path } = accomplice
    const lines = honest({ ...context, target: door })
    const heard = await say(context, request({ target: path, lines }), { door })
    const asked = heard.answers[0]?.status === 200
    const finding = verdict(heard, { through: speaksForOkapi, harmless: () => asked })
    const clean = 'the answer arrived without X-Okapi-Stop, permissions and session cookie'
    return finding.outcome === 'blocked' && asked ? { ...finding, because: clean } : finding
  },
}

function speaksForOkapi(answer: Answer): boolean {
  const cookies = answer.headers.filter(([name]) => name.toLowerCase() === 'set-cookie')
  return (
    header(answer, 'x-okapi-stop') !== undefined ||
    header(answer, 'x-okapi-permissions') !== undefined ||
    cookies.some(([, value]) => /^folio(?:Access|Refresh)Token=/.test(value))
  )
}
