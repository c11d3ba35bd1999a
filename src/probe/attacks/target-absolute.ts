import { targetTrick } from '../target-trick.ts'

/** RFC 9112 section 3.2.2: its host replaces the Host line, for whoever reads it. */
export const targetAbsolute = targetTrick({
  id: 'target-absolute',
  title: 'a target with scheme and host',
  target: ({ ordinaryPath }) => `http://127.0.0.1:9${ordinaryPath}`,
})
