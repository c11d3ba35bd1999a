import type { Attack } from '../attack.ts'
import { handshakeWith } from '../conversation.ts'
import { ALPN_LINK, frame, TYPE } from '../link/frames.ts'
import { stall } from '../stall.ts'

export const linkStalledFrame: Attack = {
  id: 'link-stalled-frame',
  group: 'link',
  slow: true,
  title: 'a frame that never ends',
  meaning: 'One caller holds links, and what is kept for each, until there are none left.',
  judged: 'The connection is still open after a while.',
  remedy: 'Limit the time from the first byte of a frame to its last.',
  run(context) {
    const whole = frame(TYPE.ping, 0, Buffer.alloc(8))
    const handshake = { ...handshakeWith(context.accepted), alpn: [ALPN_LINK] }
    return stall(context, { first: whole.subarray(0, 3), tls: true, handshake })
  },
}
