import { targetTrick } from '../target-trick.ts'

/** One reader decodes once, the next once more. */
export const pathDoubleEncoded = targetTrick({
  id: 'path-double-encoded',
  title: 'twice encoded dots: %252e',
  target: ({ ordinaryPath }) => `${ordinaryPath}/%252e%252e%252fadmin`,
})
