import { forgedLine } from '../line-trick.ts'

export const forgedMatchPathPattern = forgedLine(
  'X-Okapi-Match-Path-Pattern',
  '/users',
  'A module judges permissions by a route that was not called.',
)
