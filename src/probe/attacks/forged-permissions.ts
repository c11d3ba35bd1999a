import type { Attack } from '../attack.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { verdict } from '../verdict.ts'

/** Okapi's sanitizeAuthHeaders leaves X-Okapi-Permissions alone, and modules believe it. */
export const forgedPermissions: Attack = {
  id: 'forged-permissions',
  group: 'headers',
  title: 'a forged X-Okapi-Permissions',
  meaning: 'A module grants itself permissions that the next module believes.',
  judged: 'The call is otherwise allowed, so any answer but a refusal means that it went on.',
  remedy: 'Take X-Okapi-Permissions off whatever modules send; only the auth filter may say it.',
  needs: ['credentials'],
  against: 'okapi',
  async run(context) {
    const lines = [
      ...honest(context),
      ['X-Okapi-Permissions', '["users.all","perms.all"]'],
    ] as const
    return verdict(await say(context, request({ target: context.ordinaryPath, lines })))
  },
}
