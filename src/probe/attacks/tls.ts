import type { SecureVersion } from 'node:tls'
import type { Attack } from '../attack.ts'
import { ordinaryCall, ordinaryRequest } from '../calls.ts'
import { handshakeWith, send } from '../conversation.ts'
import { evidence } from '../evidence.ts'
import { type AttackFinding, findingOf, gotThrough } from '../finding.ts'
import { stall } from '../stall.ts'
import { CERTIFICATE_ATTACKS } from './certificates.ts'
import { targetIdentity } from './target-identity.ts'
import { renegotiation, resumption } from './tls-sessions.ts'

/** RFC 8737: the ACME challenge protocol does not ask for a certificate; the others are ours and HTTP/2. */
const PROTOCOLS = [['acme-tls/1'], ['okapi-sidecar/1'], ['h2'], ['http/1.0']]

const alpnOtherProtocol: Attack = {
  id: 'alpn-other-protocol',
  group: 'tls',
  title: 'no certificate, and another protocol',
  meaning:
    'A protocol chosen in the handshake leads past the place where callers are authenticated.',
  judged: 'Any answer but a refusal, under any of some ALPN names.',
  remedy: 'Judge the certificate before the protocol.',
  async run(context) {
    let last: AttackFinding | undefined
    for (const alpn of PROTOCOLS) {
      const finding = await ordinaryCall(context, { alpn })
      if (finding.outcome === 'got-through') return finding
      last = finding.outcome === 'blocked' ? finding : (last ?? finding)
    }
    return last!
  },
}

const noCertificate: Attack = {
  id: 'no-certificate',
  group: 'tls',
  title: 'an ordinary call without a certificate',
  meaning: 'Any caller that reaches the port is served.',
  judged: 'Any answer but a refusal means that the call was served.',
  remedy: 'Close the module’s own port; let only its sidecar be reached from outside the pod.',
  run: (context) => ordinaryCall(context, {}),
}

const plaintext: Attack = {
  id: 'plaintext',
  group: 'tls',
  title: 'plain HTTP to the TLS port',
  meaning: 'Calls are served in the clear, without any proof of who calls.',
  judged: 'Any answer but a refusal means that the call was served.',
  remedy: 'Serve nothing on this port before a handshake.',
  async run(context) {
    const endpoint = { ...context.target, tls: false }
    const finding = findingOf(await send(context, ordinaryRequest(context), { endpoint }))
    // A TLS alert is not HTTP: the target refused as TLS servers do.
    if (!finding.evidence.received.startsWith('\\x15\\x03')) return finding
    return { ...finding, outcome: 'blocked', because: 'it answered with a TLS alert' }
  },
}

/** Virtual hosts: the one that requires certificates may not be the one that serves the request. */
const NAMES = ['localhost', 'okapi', 'default', 'okapi.invalid']

const sniOtherName: Attack = {
  id: 'sni-other-name',
  group: 'tls',
  title: 'no certificate, and another server name',
  meaning: 'A second virtual host on the same port serves without asking who calls.',
  judged: 'Any answer but a refusal, under any of some server names.',
  remedy: 'Ask for a certificate whatever the server name is.',
  async run(context) {
    let last: AttackFinding | undefined
    for (const servername of NAMES) {
      const finding = await ordinaryCall(context, { servername })
      if (finding.outcome !== 'blocked') return finding
      last = finding
    }
    return last!
  },
}

/** The record and handshake headers of a ClientHello that is never sent (RFC 8446 section 5.1). */
const BEGINNING = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])

const stalledHandshake: Attack = {
  id: 'stalled-handshake',
  group: 'tls',
  slow: true,
  title: 'a handshake that is never finished',
  meaning: 'A stranger without any certificate holds connections until there are none left.',
  judged: 'The connection is still open after a while.',
  remedy: 'Limit the time of a handshake.',
  run: (context) => stall(context, { first: BEGINNING, drip: Buffer.alloc(100), tls: false }),
}

/** Static RSA, CBC, RC4, 3DES, NULL and anonymous suites; nothing with both ECDHE and AEAD. */
const WEAK =
  'ALL:eNULL:aNULL:!ECDHE+AESGCM:!ECDHE+CHACHA20:!ECDHE+AESCCM:!ECDHE+ARIAGCM:!TLSv1.3@SECLEVEL=0'

/** A handshake with one TLS version that must fail with any certificate. */
type HandshakeRow = readonly [
  id: string,
  title: string,
  meaning: string,
  remedy: string,
  version: SecureVersion,
  ciphers: string,
]

const OUTDATED: readonly HandshakeRow[] = [
  [
    'tls-1-0',
    'a handshake with TLS 1.0',
    'What is said can be read and changed by attacks that are known since 2011.',
    'Accept TLS 1.2 and 1.3 only.',
    'TLSv1',
    'ALL@SECLEVEL=0',
  ],
  [
    'tls-1-1',
    'a handshake with TLS 1.1',
    'What is said is protected by MD5 and SHA-1 (RFC 8996 forbids it).',
    'Accept TLS 1.2 and 1.3 only.',
    'TLSv1.1',
    'ALL@SECLEVEL=0',
  ],
  [
    'weak-ciphers',
    'TLS 1.2 without ECDHE or without AEAD',
    'A key that leaks one day opens all that was ever recorded; CBC can be read bit by bit.',
    'Accept ECDHE with AES-GCM or ChaCha20 only.',
    'TLSv1.2',
    WEAK,
  ],
]

/** A port without TLS lets the call through in the clear, which is worse. */
function outdated([id, title, meaning, remedy, version, ciphers]: HandshakeRow): Attack {
  return {
    id,
    group: 'tls',
    title,
    meaning,
    judged: 'A handshake that comes up, whatever is answered then.',
    remedy,
    async run(context) {
      const own = { minVersion: version, maxVersion: version, ciphers }
      const transcript = await send(context, ordinaryRequest(context), {
        handshake: { ...handshakeWith(context.accepted), ...own },
      })
      if (transcript.protocol === null || !transcript.connected) return findingOf(transcript)
      return {
        ...gotThrough(`the handshake came up with ${transcript.protocol}`),
        evidence: evidence(transcript),
      }
    },
  }
}

/** The handshake: who may connect, and how. */
export const TLS_ATTACKS: readonly Attack[] = [
  ...CERTIFICATE_ATTACKS,
  ...OUTDATED.map(outdated),
  alpnOtherProtocol,
  noCertificate,
  plaintext,
  sniOtherName,
  stalledHandshake,
  renegotiation,
  resumption,
  targetIdentity,
]
