import type { Attack, Need } from './attack.ts'
import type { Context } from './context.ts'
import type { Guise, KeyPair } from './dial.ts'
import type { Finding } from './finding.ts'
import { honest, request } from './request.ts'
import { say } from './say.ts'
import { verdict } from './verdict.ts'

/** What one hostile certificate adds to the common attack. */
export interface CertificateAttack {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  readonly needs?: readonly Need[]
  /** Ciphers and versions, where the certificate would not go over the wire otherwise. */
  readonly guise?: Guise
  pair(context: Context): Promise<KeyPair>
}

/** An ordinary call with a certificate that must not be believed. */
export function certificateAttack({ pair, guise, ...spec }: CertificateAttack): Attack {
  return {
    ...spec,
    group: 'tls',
    judged: 'Any answer but a refusal means that the certificate was believed.',
    async run(context) {
      return ordinaryCall(context, { ...guise, pair: await pair(context) })
    },
  }
}

/** The verdict on an ordinary GET in this guise. */
export async function ordinaryCall(context: Context, guise: Guise): Promise<Finding> {
  const bytes = request({ target: context.ordinaryPath, lines: honest(context) })
  return verdict(await say(context, bytes, { guise }))
}
