import { REASONS, type Reason } from '../refusal/reasons.ts'
import type { Transcript } from './conversation.ts'
import { type Evidence, evidence } from './evidence.ts'
import { type HttpAnswer, header } from './http.ts'

/** `inconclusive`: the target did not do enough, or not in time, to be judged. */
export type AttackOutcome = 'blocked' | 'got-through' | 'inconclusive'

/** The result of one attack. */
export interface AttackFinding {
  readonly outcome: AttackOutcome
  /**
   * If it was blocked, the value of the target's `X-Sidecar-Refused`, else null. A target that is not
   * a sidecar gives no reasons.
   */
  readonly reason: string | null
  /** One sentence: the observation that led to the verdict. */
  readonly because: string
  readonly evidence: Evidence
}

/**
 * Status codes with which servers refuse a message or its sender: RFC 9110 section 15.5, and nginx's
 * own 494 to 497. A 404 is not one of them: it shows that the server looked for the route.
 */
const REFUSING = new Set([
  400, 401, 403, 405, 407, 408, 411, 413, 414, 415, 421, 426, 429, 431, 494, 495, 496, 497, 501,
  505,
])

/**
 * A 400 that only Okapi (ProxyService, TenantManager) or RMB sends after it has processed the call:
 * nothing refused it, only our made-up tenant does not exist.
 */
const IN_OKAPIS_WORDS = /^"?(?:No such Tenant|Tenant (?:not found|must be set)|Missing Tenant)/i

/** Answers of a proxy whose upstream failed: the call may have been let in. */
const BEHIND_FAILED = new Set([502, 503, 504])

/** What an attack adds to the common rules. */
export interface FindingRule {
  /** The index of the answer to judge; the first by default. */
  readonly at?: number
  /** True when this answer shows that the attack worked, though its status alone would not. */
  readonly through?: (answer: HttpAnswer) => boolean
  /** True when an answer that is not a refusal is still harmless. */
  readonly harmless?: (answer: HttpAnswer) => boolean
}

/** The verdict that most attacks share: who answered, and was it a refusal? */
export function findingOf(transcript: Transcript, rule: FindingRule = {}): AttackFinding {
  const answer = transcript.answers[rule.at ?? 0]
  const judged = answer === undefined ? unanswered(transcript) : answered(answer, rule)
  return { ...judged, evidence: evidence(transcript) }
}

type Judged = Omit<AttackFinding, 'evidence'>

function unanswered({ connected, end, error }: Transcript): Judged {
  const code = error === null ? '' : ` (${error})`
  switch (end) {
    case 'alert':
      return blocked(null, `the handshake was refused${code}`)
    case 'reset':
    case 'closed':
      return blocked(
        null,
        connected
          ? `the connection was closed without an answer${code}`
          : `the connection was cut before it came up${code}`,
      )
    case 'refused':
      return inconclusive(`nothing listens there${code}`)
    case 'aborted':
      return inconclusive('the deadline of the run came first')
    case 'silent':
      return inconclusive('no answer came in time')
    case 'answered':
      return inconclusive('what came back is not HTTP')
  }
}

function answered(answer: HttpAnswer, { through, harmless }: FindingRule): Judged {
  const { status } = answer
  const said = header(answer, 'x-sidecar-refused')
  if (through?.(answer) === true) return gotThrough(`answered ${status}, and as the attack wanted`)
  if (said !== undefined) return refusedBySidecar(said, status)
  if (harmless?.(answer) === true) return blocked(null, `answered ${status}, which gives nothing`)
  if (status === 400 && IN_OKAPIS_WORDS.test(answer.body)) {
    return gotThrough(`what is behind the listener answered: ${answer.body.trim().slice(0, 60)}`)
  }
  if (REFUSING.has(status)) return blocked(null, `refused with ${status}`)
  if (BEHIND_FAILED.has(status)) return inconclusive(`answered ${status}: what is behind is not up`)
  return gotThrough(`answered ${status}`)
}

/** The reason is not verified; only a known one shows whether the sidecar itself refused. */
function refusedBySidecar(said: string, status: number): Judged {
  const known = Object.hasOwn(REASONS, said) ? REASONS[said as Reason] : undefined
  if (known?.phase === 'upstream' || known?.phase === 'capacity') {
    return inconclusive(`the sidecar answered ${status} ${said}: what is behind is not up`)
  }
  return blocked(said, `the sidecar refused with ${status} ${said}`)
}

/** Findings for attacks with their own verdict. */
export function blocked(reason: string | null, because: string): Judged {
  return { outcome: 'blocked', reason, because }
}

export function gotThrough(because: string): Judged {
  return { outcome: 'got-through', reason: null, because }
}

export function inconclusive(because: string): Judged {
  return { outcome: 'inconclusive', reason: null, because }
}

/** A finding for an attack that could not be judged. */
export function notTried(why: string): AttackFinding {
  return { ...inconclusive(why), evidence: { sent: '[nothing]', received: '[nothing]' } }
}

/** Got through if there are more answers than requests: then one request was smuggled. */
export function smuggledAnswer(
  transcript: Transcript,
  requests: number,
): AttackFinding | undefined {
  const { length } = transcript.answers
  if (length <= requests) return undefined
  const plural = requests === 1 ? 'request' : 'requests'
  return {
    ...gotThrough(`${length} answers to ${requests} ${plural}`),
    evidence: evidence(transcript),
  }
}
