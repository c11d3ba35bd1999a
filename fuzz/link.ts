import fc from 'fast-check'
import {
  hostileCaller,
  hostileServer,
  type Script,
  type Seen,
  scripts,
} from '../test/support/link-chaos.ts'

const seen: Seen = new Map()

async function fine(wrong: Promise<string | null>): Promise<void> {
  const what = await wrong
  if (what !== null) throw new Error(what)
}

/** A hostile peer at either end of a link: what is tried, and how often in a round. */
export const LINK_TRIALS = {
  'hostile callers of a link': [
    400,
    fc.asyncProperty(scripts, (script: Script) => fine(hostileCaller(script, seen))),
  ],
  'hostile servers of a link': [
    400,
    fc.asyncProperty(scripts, (script: Script) => fine(hostileServer(script, seen))),
  ],
} as const

/** How many frames were sent, and what was met on the way, the most frequent first. */
export function linkStates(): string {
  const frames = [...seen].reduce(
    (sum, [what, n]) => sum + (/^(?:caller|server) /.test(what) ? n : 0),
    0,
  )
  const sorted = [...seen].sort(([, a], [, b]) => b - a)
  const lines = sorted.map(([what, count]) => `  ${count} ${what}`)
  return [`${frames} frames to links, states reached:`, ...lines].join('\n')
}
