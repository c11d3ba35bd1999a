import { targetTrick } from '../target-trick.ts'

/** Decoded too early, the path ends there. */
export const pathEncodedHash = targetTrick({
  id: 'path-encoded-hash',
  title: 'an encoded hash: %23',
  target: ({ ordinaryPath }) => `${ordinaryPath}/x%23/admin`,
})
