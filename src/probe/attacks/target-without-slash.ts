import { targetTrick } from '../target-trick.ts'

/** Appended to an upstream’s authority it becomes part of the host name. */
export const targetWithoutSlash = targetTrick({
  id: 'target-without-slash',
  title: 'a target without its slash',
  target: ({ ordinaryPath }) => `@127.0.0.1${ordinaryPath}`,
})
