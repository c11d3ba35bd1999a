import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { evidence } from '../evidence.ts'
import { findingOf, gotThrough } from '../finding.ts'

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
    const transcript = await send(context, PREFACE, { methods: ['PRI'], enough: isSettings })
    if (!isSettings(transcript.received)) return findingOf(transcript)
    return { ...gotThrough('it answered in HTTP/2'), evidence: evidence(transcript) }
  },
}

/** Its nine octets of header suffice (RFC 9113 section 4.1). */
function isSettings(received: Buffer): boolean {
  return received.length >= 9 && received[0] === 0 && received[3] === SETTINGS
}
