import { targetTrick } from '../target-trick.ts'

/** RFC 9112 section 3.2.4: only OPTIONS has one. */
export const targetAsterisk = targetTrick({
  id: 'target-asterisk',
  title: 'an asterisk for a target',
  target: () => '*',
})
