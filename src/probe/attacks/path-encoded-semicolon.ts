import { targetTrick } from '../target-trick.ts'

/** Decoded too early, it is a path parameter. */
export const pathEncodedSemicolon = targetTrick({
  id: 'path-encoded-semicolon',
  title: 'an encoded semicolon: %3b',
  target: ({ ordinaryPath }) => `${ordinaryPath}/x%3by`,
})
