import type { Socket } from 'node:net'
import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { findingOf, gotThrough, notTried } from '../finding.ts'
import { type HttpAnswer, header, honest, requestBytes } from '../http.ts'
import { impersonate } from '../impersonate.ts'

/** ProxyService copies every X- header of an answer into the next step; X-Okapi-Stop ends the pipeline. */
const responseOkapiStop: Attack = {
  id: 'response-okapi-stop',
  group: 'headers',
  title: 'an answer that sets X-Okapi-Stop',
  meaning: 'A module ends Okapi’s pipeline, past the filters behind it, or plants a session.',
  judged: 'Okapi’s answer has the header, the forged permissions or a session cookie.',
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
    // Browsers read a cookie without a name by its value (RFC 6265bis section 5.6).
    cookies.some(([, value]) => /^=?folio(?:Access|Refresh)Token=/.test(value))
  )
}

/** Marks the answer as ours. */
const MARK = 'X-Probe-Impostor'

const SAID = [
  ['X-Okapi-Stop', 'true'],
  ['X-Okapi-Permissions', '["perms.all"]'],
  ['X-Okapi-User-Id', '00000000-0000-4000-8000-000000000000'],
  ['X-Okapi-Token', 'e30.e30.c2ln'],
  ['X-Okapi-Module-Tokens', '{"_":"e30.e30.c2ln"}'],
  ['X-Okapi-Tenant', 'supertenant'],
  ['X-Okapi-Url', 'http://127.0.0.1:9'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Original-URL', '/_/proxy/tenants'],
  ['X-Sidecar-Refused', 'wrong-peer'],
  ['Set-Cookie', 'folioAccessToken=evil; Path=/'],
  ['Set-Cookie', '=folioAccessToken=evil; Path=/'],
  ['Set-Cookie', '=folioRefreshToken=evil; Path=/'],
] as const

/** With only the stolen key there is no module's sidecar that removes headers, so Okapi's has to. */
const responseStolenKey: Attack = {
  id: 'response-stolen-key',
  group: 'headers',
  title: 'an answer signed with a stolen key',
  meaning:
    'With a stolen key, answers of the module claim to be from Okapi, any user or a sidecar.',
  judged: 'The answer that Okapi gets has header lines that a module must not send.',
  remedy: 'Hold answers to the traits of the callee at Okapi’s sidecar too.',
  needs: ['impostor'],
  async run(context) {
    const { impostor, credentials } = context
    if (impostor === undefined || credentials === undefined) return notTried('it cannot listen')
    const { endpoint, path } = impostor
    const lines = honest({ ...context, target: endpoint })
    const bytes = requestBytes({ target: path, lines })
    const transcript = await impersonate(context, {
      alpn: 'http/1.1',
      serve: answerAll,
      ask: () => send(context, bytes, { endpoint }),
    })
    const [answer] = transcript.answers
    const ours = answer !== undefined && header(answer, MARK) !== undefined
    const finding = findingOf(transcript, { harmless: () => ours })
    if (!ours) {
      const nothing = 'its answer did not come back: Okapi’s sidecar asked another, or refused it'
      return finding.outcome === 'got-through'
        ? { ...finding, outcome: 'inconclusive', because: nothing }
        : finding
    }
    const kept = SAID.filter(([name, value]) =>
      answer.headers.some((line) => same(line[0], name) && line[1] === value),
    ).map(([name, value]) => (name === 'Set-Cookie' ? `a cookie ${value.split(';')[0]}` : name))
    if (kept.length > 0) return { ...finding, ...gotThrough(`it arrived with ${kept.join(', ')}`) }
    const because = 'the answer arrived without what a module must not say'
    return { ...finding, outcome: 'blocked', because }
  },
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** Every request gets the same answer. */
function answerAll(socket: Socket): void {
  const lines = [...SAID, [MARK, '1'], ['Content-Length', '2'], ['Connection', 'close']]
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\nok`, 'latin1'))
}

/** Answers of a hijacked module to Okapi, through its own sidecar and without one. */
export const ANSWER_ATTACKS: readonly Attack[] = [responseOkapiStop, responseStolenKey]
