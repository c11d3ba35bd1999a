import { randomUUID } from 'node:crypto'
import type { Attack } from '../attack.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { verdict } from '../verdict.ts'

/** mod-authtoken takes the header before the claim and signs it into the next module token. */
export const forgedUserId: Attack = {
  id: 'forged-user-id',
  group: 'headers',
  title: 'a forged X-Okapi-User-Id',
  meaning: 'A module acts in the name of any user it likes, and the audit log believes it.',
  judged: 'The call is otherwise allowed, so any answer but a refusal means that it went on.',
  remedy: 'Let X-Okapi-User-Id pass only beside a token that carries the same user.',
  needs: ['credentials'],
  against: 'okapi',
  async run(context) {
    const lines = [...honest(context), ['X-Okapi-User-Id', randomUUID()]] as const
    return verdict(await say(context, request({ target: context.ordinaryPath, lines })))
  },
}
