import type { Attack } from '../attack.ts'
import type { Context } from '../context.ts'
import { evidence } from '../evidence.ts'
import { blocked, type Finding, findingOf, gotThrough, inconclusive } from '../finding.ts'
import { PING, pongs } from './frames.ts'
import { answerTo, type HeardLink, talk } from './talk.ts'

/** What one broken rule of the link adds to the common attack. */
export interface BrokenLink {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  /** The frames; a PING is put behind them. */
  frames(context: Context): Buffer
  /** The exchange that must be let in for it to mean anything. */
  readonly exchange?: number
  /** PINGs among the frames. */
  readonly pings?: number
}

/** Frames for which the link must be closed: whoever sends them is no sidecar, or a broken one. */
export function brokenLink({ frames, exchange, pings = 0, ...spec }: BrokenLink): Attack {
  return {
    ...spec,
    group: 'link',
    judged: 'A PING behind the broken frames is still answered: the link was not closed.',
    async run(context) {
      const bytes = Buffer.concat([frames(context), PING])
      const transcript = await talk(context, { bytes, pair: context.accepted, pings: pings + 1 })
      const early = notThere(transcript)
      if (early !== undefined) return early
      return judge(transcript, pings + 1, exchange)
    },
  }
}

function judge(transcript: HeardLink, pings: number, exchange: number | undefined): Finding {
  const shown = { evidence: evidence(transcript) }
  if (pongs(transcript.frames) < pings) {
    return transcript.end === 'closed' || transcript.end === 'reset'
      ? { ...blocked(null, 'the link was closed'), ...shown }
      : { ...inconclusive('the link was neither closed nor alive'), ...shown }
  }
  const answer = exchange === undefined ? undefined : answerTo(transcript, exchange)
  const finding = answer && findingOf({ ...transcript, answers: [answer] })
  // Whose exchanges are refused one by one has none with which to break this rule.
  if (finding?.outcome === 'blocked') return finding
  return { ...gotThrough('the link bore it, and goes on'), ...shown }
}

/** The finding where no link came up, or somebody at the gate refused it in HTTP. */
export function notThere(transcript: HeardLink): Finding | undefined {
  if (!transcript.connected || transcript.answers.length > 0) return findingOf(transcript)
  if (transcript.agreed) return undefined
  return { ...blocked(null, 'the target does not speak the link'), evidence: evidence(transcript) }
}
