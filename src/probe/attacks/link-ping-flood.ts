import { brokenLink } from '../link/broken-link.ts'
import { PING } from '../link/frames.ts'

/** As many as no honest sidecar sends in a day. */
const PINGS = 8000

export const linkPingFlood = brokenLink({
  id: 'link-ping-flood',
  title: 'PINGs without end',
  meaning: 'Frames that cost nothing to send keep the sidecar busy and fill its memory.',
  remedy: 'Give frames that do no work a budget, and close the link beyond it.',
  pings: PINGS,
  frames: () => Buffer.concat(Array<Buffer>(PINGS).fill(PING)),
})
