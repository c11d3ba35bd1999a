import { targetTrick } from '../target-trick.ts'

/** Filters that look for `..` and for `%2e%2e` miss the mixture. */
export const pathMixedDots = targetTrick({
  id: 'path-mixed-dots',
  title: 'half encoded dots: /.%2e/',
  target: ({ ordinaryPath }) => `${ordinaryPath}/.%2E/admin/jstack`,
})
