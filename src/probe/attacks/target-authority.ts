import { hostLine } from '../http.ts'
import { targetTrick } from '../target-trick.ts'

/** RFC 9112 section 3.2.3: only CONNECT has one. */
export const targetAuthority = targetTrick({
  id: 'target-authority',
  title: 'an authority for a target',
  target: ({ target }) => hostLine(target),
})
