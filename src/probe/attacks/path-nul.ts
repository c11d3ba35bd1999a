import { targetTrick } from '../target-trick.ts'

/** C strings end there, the allow-list goes on. */
export const pathNul = targetTrick({
  id: 'path-nul',
  title: 'an encoded NUL: %00',
  target: ({ ordinaryPath }) => `${ordinaryPath}/x%00.json`,
})
