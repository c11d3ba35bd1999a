import { targetTrick } from '../target-trick.ts'

/** WHATWG URL parsers resolve %2e%2e as a dot segment. */
export const pathEncodedDots = targetTrick({
  id: 'path-encoded-dots',
  title: 'encoded dots: /%2e%2e/',
  target: ({ ordinaryPath }) => `${ordinaryPath}/%2e%2e/admin/jstack`,
})
