import type { Attack } from '../attack.ts'
import { evidence } from '../evidence.ts'
import { say } from '../say.ts'
import { gotThrough, verdict } from '../verdict.ts'

/** RFC 9113 section 3.4: the preface, then an empty SETTINGS frame. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])
const SETTINGS = 4

export const h2PriorKnowledge: Attack = {
  id: 'h2-prior-knowledge',
  group: 'framing',
  title: 'HTTP/2 without asking',
  meaning: 'What is said in HTTP/2 passes what judges HTTP/1.1.',
  judged: 'A SETTINGS frame in answer to the preface.',
  remedy: 'Speak HTTP/2 only where it is judged as strictly.',
  async run(context) {
    const heard = await say(context, PREFACE, { methods: ['PRI'], enough: isSettings })
    if (!isSettings(heard.received)) return verdict(heard)
    return { ...gotThrough('it answered in HTTP/2'), evidence: evidence(heard) }
  },
}

/** Its nine octets of header suffice (RFC 9113 section 4.1). */
function isSettings(received: Buffer): boolean {
  return received.length >= 9 && received[0] === 0 && received[3] === SETTINGS
}
