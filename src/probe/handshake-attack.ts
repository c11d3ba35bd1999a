import type { Attack } from './attack.ts'
import type { Context } from './context.ts'
import type { Guise } from './dial.ts'
import { evidence } from './evidence.ts'
import { honest, request } from './request.ts'
import { guiseOf, say } from './say.ts'
import { gotThrough, verdict } from './verdict.ts'

/** What one outdated handshake adds to the common attack. */
export interface HandshakeAttack {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  guise(context: Context): Guise
}

/**
 * A handshake that must not come up at all, whoever asks. A door without TLS lets the call through
 * in the clear, which is worse.
 */
export function handshakeAttack({ guise, ...spec }: HandshakeAttack): Attack {
  return {
    ...spec,
    group: 'tls',
    judged: 'A handshake that comes up, whatever is answered then.',
    async run(context) {
      const bytes = request({ target: context.ordinaryPath, lines: honest(context) })
      const heard = await say(context, bytes, {
        guise: { ...guiseOf(context.pass), ...guise(context) },
      })
      if (heard.protocol === null || !heard.connected) return verdict(heard)
      return {
        ...gotThrough(`the handshake came up with ${heard.protocol}`),
        evidence: evidence(heard),
      }
    },
  }
}
