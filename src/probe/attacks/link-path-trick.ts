import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

export const linkPathTrick = linkedCall({
  id: 'link-path-trick',
  title: 'a dot segment in an exchange',
  meaning: 'What is refused on a connection of its own passes inside a link.',
  remedy: 'Hold heads that come in frames to the same rules as all others.',
  message: (context) => ({
    head: request({ target: `${context.ordinaryPath}/../admin/jstack`, lines: honest(context) }),
  }),
})
