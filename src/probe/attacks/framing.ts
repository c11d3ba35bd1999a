import type { Attack } from '../attack.ts'
import { ordinaryRequest, smuggledRequest } from '../calls.ts'
import { closedTo, forWriting } from '../context.ts'
import { handshakeWith, send } from '../conversation.ts'
import { evidence } from '../evidence.ts'
import { blocked, findingOf, gotThrough } from '../finding.ts'
import { honest, requestBytes } from '../http.ts'
import { stall } from '../stall.ts'
import { SMUGGLING_ATTACKS } from './smuggling.ts'

const expectContinue: Attack = {
  id: 'expect-continue',
  group: 'framing',
  title: 'Expect: 100-continue on a closed route',
  meaning: 'The body is asked for, and goes on, before the call is authorized.',
  judged: 'The answer 100, or any final answer but a refusal.',
  remedy: 'Judge the head before anything of the body is asked for.',
  async run(context) {
    const lines = [
      ...honest(forWriting(context)),
      ['Expect', '100-continue'],
      ['Content-Length', '5'],
    ] as const
    const target = context.role === 'okapi' ? closedTo(context) : '/admin/importSQL'
    const bytes = requestBytes({ method: 'POST', target, lines })
    const transcript = await send(context, bytes, {
      methods: ['POST'],
      handshake: handshakeWith(context.credentials),
      enough: asksForMore,
    })
    if (!asksForMore(transcript.received)) return findingOf(transcript)
    return { ...gotThrough('the body was asked for with 100'), evidence: evidence(transcript) }
  },
}

/** RFC 9110 section 15.2.1; nothing follows it, because the body is never sent. */
function asksForMore(received: Buffer): boolean {
  return received.toString('latin1', 0, 12) === 'HTTP/1.1 100'
}

/** RFC 9113 section 3.4: the preface, then an empty SETTINGS frame. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])
const SETTINGS = 4

const h2PriorKnowledge: Attack = {
  id: 'h2-prior-knowledge',
  group: 'framing',
  title: 'HTTP/2 without asking',
  meaning: 'Requests in HTTP/2 pass a proxy that checks HTTP/1.1 only.',
  judged: 'A SETTINGS frame in answer to the preface.',
  remedy: 'Speak HTTP/2 only where it is judged as strictly.',
  async run(context) {
    const transcript = await send(context, PREFACE, { methods: ['PRI'], enough: isSettings })
    if (!isSettings(transcript.received)) return findingOf(transcript)
    return { ...gotThrough('it answered in HTTP/2'), evidence: evidence(transcript) }
  },
}

/** The nine octets of its header are enough (RFC 9113 section 4.1). */
function isSettings(received: Buffer): boolean {
  return received.length >= 9 && received[0] === 0 && received[3] === SETTINGS
}

/** RFC 7540 section 3.2; Java’s HttpClient legitimately offers it on every first call. */
const h2cUpgrade: Attack = {
  id: 'h2c-upgrade',
  group: 'framing',
  title: 'an upgrade to HTTP/2 in the clear',
  meaning: 'What follows in HTTP/2 passes proxies that judged only the first request.',
  judged: 'The answer 101; a call that is answered as HTTP/1.1 was not upgraded.',
  remedy: 'Take Upgrade off and answer as HTTP/1.1.',
  async run(context) {
    const lines = [
      ...honest(context),
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAMAAABkAAQBAAAAAAIAAAAA'],
    ] as const
    const transcript = await send(context, ordinaryRequest(context, { lines }))
    const finding = findingOf(transcript, {
      through: ({ status }) => status === 101,
      harmless: () => true,
    })
    const answered = transcript.answers[0]?.status
    if (finding.outcome !== 'blocked' || finding.reason !== null || answered === undefined) {
      return finding
    }
    return { ...finding, ...blocked(null, `answered ${answered} in HTTP/1.1`) }
  },
}

const pipelinedRogue: Attack = {
  id: 'pipelined-rogue',
  group: 'framing',
  title: 'a forbidden call behind an allowed one',
  meaning: 'Only the first request of a connection is authorized.',
  judged: 'The answer to the second request; that none comes is a refusal.',
  remedy: 'Judge every request, however it came.',
  against: 'okapi',
  needs: ['credentials'],
  async run(context) {
    const first = ordinaryRequest(context)
    const bytes = Buffer.concat([first, Buffer.from(smuggledRequest(context), 'latin1')])
    const transcript = await send(context, bytes, { methods: ['GET', 'GET'] })
    if (transcript.answers.length !== 1)
      return findingOf(transcript, { at: transcript.answers.length === 0 ? 0 : 1 })
    return {
      ...blocked(null, 'the second request was never answered'),
      evidence: evidence(transcript),
    }
  },
}

const stalledHead: Attack = {
  id: 'stalled-head',
  group: 'framing',
  slow: true,
  title: 'a request head that never ends',
  meaning: 'One caller holds connections until there are none left.',
  judged: 'The connection is still open after a while.',
  remedy: 'Limit the time of a request head as a whole, not only between its bytes.',
  run(context) {
    const head = ordinaryRequest(context)
    const first = head.subarray(0, -2)
    const drip = Buffer.from(`X-Probe: ${'a'.repeat(100)}`)
    return stall(context, { first, drip, tls: true, handshake: handshakeWith(context.accepted) })
  },
}

/** Framing: several requests on one connection, other protocols, messages that never end. */
export const FRAMING_ATTACKS: readonly Attack[] = [
  ...SMUGGLING_ATTACKS,
  expectContinue,
  h2PriorKnowledge,
  h2cUpgrade,
  pipelinedRogue,
  stalledHead,
]
