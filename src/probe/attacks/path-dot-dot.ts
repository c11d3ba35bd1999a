import { targetTrick } from '../target-trick.ts'

/** Node, nginx and Tomcat resolve dot segments (RFC 3986 section 5.2.4); Okapi matches them raw. */
export const pathDotDot = targetTrick({
  id: 'path-dot-dot',
  title: 'a dot segment: /..',
  target: ({ ordinaryPath }) => `${ordinaryPath}/../admin/jstack`,
})
