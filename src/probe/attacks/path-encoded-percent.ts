import { targetTrick } from '../target-trick.ts'

/** Decoded once it is the beginning of the next escape. */
export const pathEncodedPercent = targetTrick({
  id: 'path-encoded-percent',
  title: 'an encoded percent: %25',
  target: ({ ordinaryPath }) => `${ordinaryPath}/x%2541`,
})
