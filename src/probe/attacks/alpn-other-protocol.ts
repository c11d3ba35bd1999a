import type { Attack } from '../attack.ts'
import { ordinaryCall } from '../certificate-attack.ts'
import type { Finding } from '../finding.ts'

/** RFC 8737: the ACME challenge protocol asks for no certificate; the others are ours and HTTP/2. */
const PROTOCOLS = [['acme-tls/1'], ['okapi-sidecar/1'], ['h2'], ['http/1.0']]

export const alpnOtherProtocol: Attack = {
  id: 'alpn-other-protocol',
  group: 'tls',
  title: 'no certificate, and another protocol',
  meaning: 'A protocol chosen in the handshake leads past the place where callers are judged.',
  judged: 'Any answer but a refusal, under any of some ALPN names.',
  remedy: 'Judge the certificate before the protocol.',
  async run(context) {
    let last: Finding | undefined
    for (const alpn of PROTOCOLS) {
      const finding = await ordinaryCall(context, { alpn })
      if (finding.outcome === 'got-through') return finding
      last = finding.outcome === 'blocked' ? finding : (last ?? finding)
    }
    return last!
  },
}
