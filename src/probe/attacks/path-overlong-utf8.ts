import { targetTrick } from '../target-trick.ts'

/** RFC 3629 section 3 forbids it, lax decoders read a slash. */
export const pathOverlongUtf8 = targetTrick({
  id: 'path-overlong-utf8',
  title: 'overlong UTF-8 for a slash: %c0%af',
  target: ({ ordinaryPath }) => `${ordinaryPath}/..%c0%af..%c0%afadmin/jstack`,
})
