import { targetTrick } from '../target-trick.ts'

/** What decodes it has the trick with the backslash before it. */
export const pathEncodedBackslash = targetTrick({
  id: 'path-encoded-backslash',
  title: 'an encoded backslash: %5c',
  target: ({ ordinaryPath }) => `${ordinaryPath}/..%5c..%5cadmin`,
})
