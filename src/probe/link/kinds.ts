import type { Attack } from '../attack.ts'
import type { Row } from '../calls.ts'
import type { Context } from '../context.ts'
import type { PemPair } from '../dial.ts'
import { evidence } from '../evidence.ts'
import { type AttackFinding, blocked, findingOf, gotThrough, inconclusive } from '../finding.ts'
import { FRAME_FLAG, frame, PING, pongs, TYPE } from './frames.ts'
import { answerTo, type HeardLink, headsOf, talk, wasReset } from './talk.ts'

/** A row of frames that break a rule of the link. */
export interface BrokenLinkRow extends Row {
  /** The frames; a PING is appended. */
  frames(context: Context): Buffer
  /** The exchange that must be let in; otherwise the attack proves nothing. */
  readonly exchange?: number
  /** PINGs among the frames. */
  readonly pings?: number
}

/** Frames for which the link must be closed, because no correct sidecar sends them. */
export function brokenLinkAttack({ frames, exchange, pings = 0, ...row }: BrokenLinkRow): Attack {
  return {
    judged: 'A PING behind the broken frames is still answered: the link was not closed.',
    ...row,
    group: 'link',
    async run(context) {
      const bytes = Buffer.concat([frames(context), PING])
      const transcript = await talk(context, { bytes, pair: context.accepted, pings: pings + 1 })
      const early = linkAbsent(transcript)
      if (early !== undefined) return early
      return judge(transcript, pings + 1, exchange)
    },
  }
}

function judge(transcript: HeardLink, pings: number, exchange: number | undefined): AttackFinding {
  const shown = { evidence: evidence(transcript) }
  if (pongs(transcript.frames) < pings) {
    return transcript.end === 'closed' || transcript.end === 'reset'
      ? { ...blocked(null, 'the link was closed'), ...shown }
      : { ...inconclusive('the link was neither closed nor alive'), ...shown }
  }
  const answer = exchange === undefined ? undefined : answerTo(transcript, exchange)
  const finding = answer && findingOf({ ...transcript, answers: [answer] })
  // A caller whose exchanges are all refused has no exchange with which to break this rule.
  if (finding?.outcome === 'blocked') return finding
  return { ...gotThrough('the link bore it, and goes on'), ...shown }
}

/** The finding if no link was established, or the target refused it in HTTP. */
function linkAbsent(transcript: HeardLink): AttackFinding | undefined {
  if (!transcript.connected || transcript.answers.length > 0) return findingOf(transcript)
  if (transcript.agreed) return undefined
  return { ...blocked(null, 'the target does not speak the link'), evidence: evidence(transcript) }
}

/** A row with an exchange on a link that must be refused. */
export interface LinkedCallRow extends Row {
  /** The certificate to use; the accepted one by default. */
  pair?(context: Context): PemPair | undefined
  /** Head and body of the exchange that is judged. */
  message(context: Context): { readonly head: Buffer; readonly body?: string }
  /** An honest exchange before it on the same link. */
  before?(context: Context): Buffer
}

const HONEST = 1
const ROGUE = 3

/** A forbidden call on a link, alone or with other exchanges. */
export function linkedCallAttack({ pair, message, before, ...row }: LinkedCallRow): Attack {
  return {
    judged: 'Any answer but a refusal, or more answers than exchanges.',
    ...row,
    group: 'link',
    async run(context) {
      const { head, body } = message(context)
      const flags = body === undefined ? FRAME_FLAG.end : 0
      const honest = before?.(context)
      const bytes = Buffer.concat([
        ...(honest === undefined
          ? []
          : [frame(TYPE.open, HONEST, honest, { flags: FRAME_FLAG.end })]),
        frame(TYPE.open, ROGUE, head, { flags }),
        ...(body === undefined ? [] : [frame(TYPE.data, ROGUE, body, { flags: FRAME_FLAG.end })]),
        PING,
      ])
      const ids = honest === undefined ? [ROGUE] : [HONEST, ROGUE]
      const who = pair === undefined ? context.accepted : pair(context)
      const transcript = await talk(context, { bytes, pair: who, pings: 1, ids })
      const early = linkAbsent(transcript)
      if (early !== undefined) return early
      if (headsOf(transcript, ROGUE) > 1) {
        return { ...gotThrough('two answers to one exchange'), evidence: evidence(transcript) }
      }
      const answer = answerTo(transcript, ROGUE)
      if (answer !== undefined) return findingOf({ ...transcript, answers: [answer] })
      if (!wasReset(transcript, ROGUE)) return findingOf(transcript)
      return { ...blocked(null, 'the exchange was reset'), evidence: evidence(transcript) }
    },
  }
}
