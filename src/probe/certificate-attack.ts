import type { Attack, Need } from './attack.ts'
import type { Context } from './context.ts'
import { send } from './conversation.ts'
import type { ClientHandshake, PemPair } from './dial.ts'
import { type Finding, findingOf } from './finding.ts'
import { honest, request } from './http.ts'

/** What one hostile certificate adds to the common attack. */
export interface CertificateAttack {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  readonly needs?: readonly Need[]
  /** Ciphers and versions, where the certificate would not go over the wire otherwise. */
  readonly handshake?: ClientHandshake
  pair(context: Context): Promise<PemPair>
}

/** An ordinary call with a certificate that must not be believed. */
export function certificateAttack({ pair, handshake, ...spec }: CertificateAttack): Attack {
  return {
    ...spec,
    group: 'tls',
    judged: 'Any answer but a refusal means that the certificate was believed.',
    async run(context) {
      return ordinaryCall(context, { ...handshake, pair: await pair(context) })
    },
  }
}

/** The verdict on an ordinary GET in this guise. */
export async function ordinaryCall(context: Context, handshake: ClientHandshake): Promise<Finding> {
  const bytes = request({ target: context.ordinaryPath, lines: honest(context) })
  return findingOf(await send(context, bytes, { handshake }))
}
