import { targetTrick } from '../target-trick.ts'

/** Lax readers take the last word for the version, or the first for the target. */
export const targetBlank = targetTrick({
  id: 'target-blank',
  title: 'a blank inside the target',
  target: ({ ordinaryPath }) => `${ordinaryPath} /admin`,
})
