import type { Attack } from '../attack.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { verdict } from '../verdict.ts'

/** Okapi's `{id}` matches the raw segment; what is behind it decodes, and walks out of it. */
export const pathEncodedSlash: Attack = {
  id: 'path-encoded-slash',
  group: 'target',
  title: 'a path trick: /..%2f in an id',
  meaning: 'The allow-list judges one path, the module serves another.',
  judged: 'The call is otherwise allowed, so any answer but a refusal means that it went on.',
  remedy: 'Refuse %2F, %5C, %2E and dot segments in paths before anything is matched.',
  async run(context) {
    const lines = honest(context)
    const target = `${context.ordinaryPath}/..%2f..%2fadmin%2fjstack`
    return verdict(await say(context, request({ target, lines })))
  },
}
