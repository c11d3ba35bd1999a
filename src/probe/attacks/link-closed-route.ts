import { closedTo } from '../context.ts'
import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

/** At a module nothing is open to another module; at Okapi this path is not. */
export const linkClosedRoute = linkedCall({
  id: 'link-closed-route',
  title: 'a forbidden call on a link',
  meaning: 'A link is judged once, and what it carries is not judged any more.',
  remedy: 'Judge every exchange of a link by itself, as the peer that opened the link.',
  needs: ['credentials'],
  pair: ({ credentials }) => credentials,
  message: (context) => ({ head: request({ target: closedTo(context), lines: honest(context) }) }),
})
