import type { Attack } from './attack.ts'
import type { Context } from './context.ts'
import { handshakeWith, send } from './conversation.ts'
import type { ClientHandshake } from './dial.ts'
import { evidence } from './evidence.ts'
import { findingOf, gotThrough } from './finding.ts'
import { honest, request } from './http.ts'

/** What one outdated handshake adds to the common attack. */
export interface HandshakeAttack {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  handshake(context: Context): ClientHandshake
}

/**
 * A handshake that must not come up at all, whoever asks. A door without TLS lets the call through
 * in the clear, which is worse.
 */
export function handshakeAttack({ handshake, ...spec }: HandshakeAttack): Attack {
  return {
    ...spec,
    group: 'tls',
    judged: 'A handshake that comes up, whatever is answered then.',
    async run(context) {
      const bytes = request({ target: context.ordinaryPath, lines: honest(context) })
      const transcript = await send(context, bytes, {
        handshake: { ...handshakeWith(context.accepted), ...handshake(context) },
      })
      if (transcript.protocol === null || !transcript.connected) return findingOf(transcript)
      return {
        ...gotThrough(`the handshake came up with ${transcript.protocol}`),
        evidence: evidence(transcript),
      }
    },
  }
}
