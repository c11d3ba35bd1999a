import type { Attack } from '../attack.ts'
import { handshakeWith } from '../conversation.ts'
import { honest, request } from '../http.ts'
import { stall } from '../stall.ts'

export const stalledHead: Attack = {
  id: 'stalled-head',
  group: 'framing',
  slow: true,
  title: 'a request head that never ends',
  meaning: 'One caller holds connections until there are none left.',
  judged: 'The connection is still open after a while.',
  remedy: 'Limit the time of a request head as a whole, not only between its bytes.',
  run(context) {
    const head = request({ target: context.ordinaryPath, lines: honest(context) })
    const first = head.subarray(0, -2)
    const drip = Buffer.from(`X-Probe: ${'a'.repeat(100)}`)
    return stall(context, { first, drip, tls: true, handshake: handshakeWith(context.accepted) })
  },
}
