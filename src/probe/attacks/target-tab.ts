import { targetTrick } from '../target-trick.ts'

/** Lax readers split the request line at any white space (RFC 9112 section 3). */
export const targetTab = targetTrick({
  id: 'target-tab',
  title: 'a TAB inside the target',
  target: ({ ordinaryPath }) => `${ordinaryPath}\t/admin`,
})
